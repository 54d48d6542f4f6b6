// WebSocket servers behind the gate, and clients before it.
//
// A server sends back what comes, but: "user" (who it was told this is), "close CODE REASON" (closes so), and "closed PATH" (with which code and
// reason a connection of that path was closed).
//
// A client is open(gate): { connect(target, { cookie, foreign }), close() }. `connect` resolves to { status } where it was refused, as far as the
// client is told, or to { send(text or bytes), next(), close(code, reason) }; `next` resolves to a text, bytes, or { closed: [code, reason] }.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startBrowser } from "../../e2e/support/browser.mjs";
import { undici, ws } from "../../e2e/support/packages.mjs";
import { freePort, temporaryFolder } from "../../e2e/support/processes.mjs";
import { startHaproxy } from "./fronts.mjs";
import { HERE, VENV } from "./programs.mjs";
import { run, startHypercorn } from "./servers.mjs";

export const WEBSOCKET_SERVERS = [
  { path: "ws", name: "ws", start: startWs },
  { path: "websockets", name: "websockets", start: startWebsockets },
  // Whatever a client says when it closes, hypercorn's applications are told 1006.
  { path: "hypercorn", name: "hypercorn", codes: /^1006/, start: () => startHypercorn() },
];

const FOREIGN = "https://evil.example";

export const WEBSOCKET_CLIENTS = [
  { name: "ws", speaks: "HTTP/1.1", open: wsClient },
  { name: "undici", speaks: "HTTP/1.1", open: undiciClient },
  { name: "websockets", speaks: "HTTP/1.1", open: pythonClient },
  { name: "Chromium", speaks: "HTTP/1.1", open: chromiumClient },
  { name: "ws", speaks: "HTTP/1.1, TLS", tls: true, open: wsClient },
  { name: "undici", speaks: "HTTP/1.1, TLS", tls: true, open: undiciClient },
  { name: "websockets", speaks: "HTTP/1.1, TLS", tls: true, open: pythonClient },
  { name: "Chromium", speaks: "HTTP/2, TLS", tls: true, open: chromiumClient },
  { name: "ws, behind HAProxy", speaks: "HTTP/2", open: haproxyClient },
];

async function startWs() {
  const server = http.createServer((_, response) => response.end("a page"));
  const sockets = new ws.WebSocketServer({ server, maxPayload: 4 * 1024 ** 2 });
  const closed = new Map();
  sockets.on("connection", (socket, request) => {
    socket.on("error", () => {});
    socket.on("close", (code, reason) => closed.set(request.url, `${code} ${reason}`));
    socket.on("message", (data, binary) => {
      const text = binary ? "" : String(data);
      const [order, ...rest] = text.split(" ");
      if (text === "user") return socket.send(request.headers["x-forwarded-user"] ?? "");
      if (order === "close") return socket.close(Number(rest[0]), rest.slice(1).join(" "));
      if (order === "closed") return socket.send(closed.get(rest[0]) ?? "");
      return socket.send(data, { binary });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    stop: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function startWebsockets() {
  const port = await freePort();
  return run(join(VENV, "python"), ["ws_site.py", String(port)], port, { env: { PYTHONDONTWRITEBYTECODE: "1" } });
}

/** What comes, for who asks. */
function inbox() {
  const [came, waiting] = [[], []];
  return {
    put: (message) => (waiting.length > 0 ? waiting.shift()(message) : came.push(message)),
    next: () => (came.length > 0 ? Promise.resolve(came.shift()) : new Promise((resolve) => waiting.push(resolve))),
  };
}

const socketAddress = (gate, target) => gate.address.replace(/^http/, "ws") + target;

function wsClient(gate) {
  return {
    connect: (target, { cookie, foreign }) =>
      new Promise((resolve, reject) => {
        const { put, next } = inbox();
        const socket = new ws.WebSocket(socketAddress(gate, target), { ca: gate.ca, origin: foreign ? FOREIGN : undefined, headers: { ...(cookie && { cookie }), ...(gate.host && { host: gate.host }) } });
        socket.on("unexpected-response", (_, response) => {
          resolve({ status: response.statusCode });
          response.destroy();
        });
        socket.on("error", reject);
        socket.on("message", (data, binary) => put(binary ? data : String(data)));
        socket.on("close", (code, reason) => put({ closed: [code, String(reason)] }));
        socket.on("open", () => resolve({ send: (data) => socket.send(data), next, close: (code, reason) => socket.close(code, reason) }));
      }),
    close() {},
  };
}

/** A browser's interface: of a refusal it is told nothing. */
function undiciClient(gate) {
  const dispatcher = new undici.Agent({ connect: { ca: gate.ca } });
  return {
    connect: (target, { cookie, foreign }) =>
      new Promise((resolve) => {
        const { put, next } = inbox();
        const headers = { ...(cookie && { cookie }), ...(foreign && { origin: FOREIGN }) };
        const socket = new undici.WebSocket(socketAddress(gate, target), { dispatcher, headers });
        socket.binaryType = "arraybuffer";
        socket.addEventListener("error", () => resolve({ status: "refused" }));
        socket.addEventListener("message", ({ data }) => put(typeof data === "string" ? data : Buffer.from(data)));
        socket.addEventListener("close", ({ code, reason }) => put({ closed: [code, reason] }));
        socket.addEventListener("open", () => resolve({ send: (data) => socket.send(data), next, close: (code, reason) => socket.close(code, reason) }));
      }),
    close: () => dispatcher.destroy(),
  };
}

function pythonClient(gate) {
  const children = new Set();
  return {
    async connect(target, { cookie, foreign }) {
      const { put, next } = inbox();
      const options = { headers: cookie ? { Cookie: cookie } : {}, ...(foreign && { origin: FOREIGN }), ...(gate.caFile && { ca: gate.caFile }) };
      const child = spawn(join(VENV, "python"), [join(HERE, "ws_client.py"), socketAddress(gate, target), JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
      children.add(child);
      child.stdin.on("error", () => {});
      createInterface({ input: child.stdout }).on("line", (line) => {
        const told = JSON.parse(line);
        put(told.text ?? (told.bytes === undefined ? told : Buffer.from(told.bytes, "base64")));
      });
      const order = (value) => child.stdin.write(`${JSON.stringify(value)}\n`);
      const first = await next();
      if (first.status) return first;
      return {
        send: (data) => order(typeof data === "string" ? { text: data } : { bytes: data.toString("base64") }),
        next,
        close: (code, reason) => order({ close: [code, reason] }),
      };
    },
    close() {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

/** HAProxy takes WebSockets of HTTP/1.1, and asks for them by RFC 8441. */
async function haproxyClient(gate) {
  const { ports, stop } = await startHaproxy({ gate: ["mode http", `server gate 127.0.0.1:${gate.port} proto h2 ws h2`] });
  const { connect } = wsClient({ address: `http://127.0.0.1:${ports.gate}`, host: new URL(gate.address).host });
  return { connect, close: stop };
}

/** A page of the gate's origin; a foreign one is of another site, and has no cookies either. */
async function chromiumClient(gate) {
  const elsewhere = http.createServer((_, response) => response.setHeader("content-type", "text/html").end("elsewhere"));
  await new Promise((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  const log = join(temporaryFolder(), "net.json");
  const browser = await startBrowser(gate.pins ? [`--ignore-certificate-errors-spki-list=${gate.pins}`, `--log-net-log=${log}`] : []);
  const context = await browser.newContext();
  return {
    /** Of HTTP/2, how many sockets it has opened by extended CONNECT (RFC 8441), in its own log. Once it is closed. */
    extended: () => readFileSync(log, "utf8").match(/:protocol: websocket/g)?.length ?? 0,
    async connect(target, { cookie, foreign }) {
      await context.clearCookies();
      const pairs = (cookie ?? "").split("; ").filter(Boolean).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
      await context.addCookies(pairs.map(([name, value]) => ({ name, value, domain: "localhost", path: "/", secure: gate.ca !== undefined, httpOnly: true })));
      const page = await context.newPage();
      const { put, next } = inbox();
      await page.exposeFunction("told", (told) => put(told.text ?? (told.bytes === undefined ? told : Buffer.from(told.bytes, "base64"))));
      await page.goto(foreign ? `http://127.0.0.1:${elsewhere.address().port}/` : `${gate.address}/ws/public/page`);
      const opened = await page.evaluate((address) => new Promise((resolve) => {
        const socket = new WebSocket(address);
        socket.binaryType = "arraybuffer";
        socket.onerror = () => resolve(false);
        socket.onopen = () => resolve(true);
        socket.onmessage = ({ data }) => {
          if (typeof data === "string") return window.told({ text: data });
          const bytes = new Uint8Array(data);
          let latin = "";
          for (let at = 0; at < bytes.length; at += 8192) latin += String.fromCharCode(...bytes.subarray(at, at + 8192));
          return window.told({ bytes: btoa(latin) });
        };
        socket.onclose = ({ code, reason }) => window.told({ closed: [code, reason] });
        window.socket = socket;
      }), socketAddress(gate, target));
      if (!opened) {
        await page.close();
        return { status: "refused" };
      }
      return {
        send: (data) => page.evaluate(([text, latin]) => window.socket.send(text ?? Uint8Array.from(latin, (char) => char.charCodeAt(0))),
          typeof data === "string" ? [data, null] : [null, data.toString("latin1")]),
        next,
        close: (code, reason) => page.evaluate(([code, reason]) => window.socket.close(code, reason), [code, reason]),
      };
    },
    async close() {
      await browser.close();
      elsewhere.closeAllConnections();
      elsewhere.close();
    },
  };
}
