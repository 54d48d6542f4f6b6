// The clients before the gate. Each: its name, what it speaks, over TLS or not, and open(gate): { ask(request), close() }. `ask` sends
// { method, target, headers, body } and resolves to { status, protocol, type, body }: what came, in the client's own words where it has any.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { startBrowser } from "../../e2e/support/browser.mjs";
import { undici } from "../../e2e/support/packages.mjs";
import { temporaryFolder } from "../../e2e/support/processes.mjs";
import { startHaproxy, startNginxProxy } from "./fronts.mjs";

const run = promisify(execFile);
const BINARY = { encoding: "buffer", maxBuffer: 64 * 1024 ** 2, timeout: 20_000 };

export const CLIENTS = [
  { name: "curl", speaks: "HTTP/1.0", open: curl("--http1.0") },
  { name: "curl", speaks: "HTTP/1.1", open: curl("--http1.1") },
  { name: "curl", speaks: "HTTP/2", open: curl("--http2-prior-knowledge") },
  { name: "curl", speaks: "HTTP/1.1, TLS", tls: true, open: curl("--http1.1") },
  { name: "curl", speaks: "HTTP/2, TLS", tls: true, open: curl("--http2") },
  { name: "nghttp", speaks: "HTTP/2", open: nghttp },
  { name: "nghttp", speaks: "HTTP/2, TLS", tls: true, open: nghttp },
  { name: "Node http", speaks: "HTTP/1.1", open: nodeHttp },
  { name: "Node https", speaks: "HTTP/1.1, TLS", tls: true, open: nodeHttp },
  { name: "Node http2", speaks: "HTTP/2", open: nodeHttp2 },
  { name: "Node http2", speaks: "HTTP/2, TLS", tls: true, open: nodeHttp2 },
  { name: "undici", speaks: "HTTP/1.1", open: (gate) => undiciClient(gate, false) },
  { name: "undici", speaks: "HTTP/2, TLS", tls: true, open: (gate) => undiciClient(gate, true) },
  { name: "Chromium", speaks: "HTTP/1.1", open: chromium },
  { name: "Chromium", speaks: "HTTP/2, TLS", tls: true, open: chromium },
  { name: "HAProxy", speaks: "HTTP/2", open: (gate) => haproxy(gate, "proto h2") },
  { name: "HAProxy", speaks: "HTTP/2, TLS", tls: true, open: (gate) => haproxy(gate, `ssl verify required ca-file ${gate.caFile} sni str(localhost) alpn h2`) },
  { name: "nginx", speaks: "HTTP/1.1, TLS", tls: true, open: nginx },
];

/** One program for each request. */
function curl(...flags) {
  return (gate) => {
    const folder = temporaryFolder();
    const [bodyFile, headFile, sendFile] = ["body", "head", "send"].map((name) => join(folder, name));
    const ca = gate.caFile ? ["--cacert", gate.caFile] : [];
    return {
      async ask({ method, target, headers, body }) {
        writeFileSync(bodyFile, "");
        if (body) writeFileSync(sendFile, body);
        const args = ["-sS", "--path-as-is", ...flags, ...ca, "-X", method, "-o", bodyFile, "-D", headFile, "-w", "%{http_code} %{http_version}"];
        for (const [name, value] of Object.entries(headers)) args.push("-H", `${name}: ${value}`);
        if (body) args.push("--data-binary", `@${sendFile}`);
        const { stdout } = await run("curl", [...args, gate.address + target], { timeout: 20_000 });
        const [status, version] = stdout.split(" ");
        const type = /^content-type: *(.*?)\r?$/im.exec(readFileSync(headFile, "latin1"))?.[1];
        // curl's word for 1.0 is 1.
        return { status: Number(status), protocol: `HTTP/${version === "1" ? "1.0" : version}`, type, body: readFileSync(bodyFile) };
      },
      close() {},
    };
  };
}

/** One program for each request; what it says of its own is behind the body. */
function nghttp(gate) {
  const folder = temporaryFolder();
  const sendFile = join(folder, "send");
  return {
    async ask({ method, target, headers, body }) {
      if (body) writeFileSync(sendFile, body);
      const args = ["--stat", "--no-push", "-t", "10", `-H:method: ${method}`];
      // Cookies in crumbs, as HTTP/2 allows (RFC 9113 §8.2.3).
      const lines = Object.entries(headers).flatMap(([name, value]) => (name === "cookie" ? value.split("; ") : [value]).map((part) => `${name}: ${part}`));
      for (const line of lines) args.push("-H", line);
      if (body) args.push("-d", sendFile);
      const { stdout } = await run("nghttp", [...args, gate.address + target], BINARY);
      const end = stdout.lastIndexOf("***** Statistics *****");
      const [, status] = /^ +\d+ +\S+ +\S+ +\S+ +(\d{3}) /m.exec(stdout.subarray(end).toString()) ?? [];
      return { status: Number(status), protocol: "HTTP/2", body: stdout.subarray(0, end) };
    },
    close() {},
  };
}

function nodeHttp(gate) {
  const { Agent, request } = gate.ca ? https : http;
  const agent = new Agent({ keepAlive: true, ca: gate.ca });
  return {
    ask: ({ method, target, headers, body }) =>
      new Promise((resolve, reject) => {
        const sent = request({ host: "127.0.0.1", servername: "localhost", port: gate.port, agent, method, path: target,
          headers: { host: new URL(gate.address).host, ...headers, ...(body && { "content-length": body.length }) } });
        sent.on("error", reject).on("response", async (response) => {
          const pieces = await response.toArray().catch(reject);
          resolve({ status: response.statusCode, protocol: `HTTP/${response.httpVersion}`, type: response.headers["content-type"], body: Buffer.concat(pieces ?? []) });
        });
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** What stands between a client and the gate speaks to the gate in its own way, and does not tell in which. */
function behind(front, gate) {
  const open = nodeHttp({ address: gate.address, port: front.port });
  return {
    ask: async (request) => ({ ...(await open.ask(request)), protocol: undefined }),
    close: () => {
      open.close();
      return front.stop();
    },
  };
}

async function haproxy(gate, how) {
  const { ports, stop } = await startHaproxy({ gate: ["mode http", `server gate 127.0.0.1:${gate.port} ${how}`] });
  return behind({ port: ports.gate, stop }, gate);
}

async function nginx(gate) {
  return behind(await startNginxProxy(gate), gate);
}

/** All requests on one connection. */
function nodeHttp2(gate) {
  const session = http2.connect(gate.address, { ca: gate.ca });
  session.on("error", () => {});
  return {
    ask: ({ method, target, headers, body }) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":method": method, ":path": target, ...headers }, { endStream: body === undefined });
        let head;
        stream.on("error", reject).on("response", (got) => (head = got));
        const pieces = [];
        stream.on("data", (piece) => pieces.push(piece)).on("end", () =>
          resolve({ status: head[":status"], protocol: session.alpnProtocol.startsWith("h2") ? "HTTP/2" : session.alpnProtocol, type: head["content-type"],
            body: Buffer.concat(pieces) }));
        if (body) stream.end(body);
      }),
    close: () => session.destroy(),
  };
}

/** Does not say what it spoke; over TLS it offers both protocols or HTTP/1.1 alone. */
function undiciClient(gate, allowH2) {
  const dispatcher = new undici.Agent({ allowH2, connect: { ca: gate.ca } });
  return {
    async ask({ method, target, headers, body }) {
      const response = await undici.request(gate.address + target, { dispatcher, method, headers, body });
      return { status: response.statusCode, type: response.headers["content-type"], body: Buffer.from(await response.body.arrayBuffer()) };
    },
    close: () => dispatcher.destroy(),
  };
}

/** A page's `fetch`, from a page of the same origin; the cookie is the browser's own. */
async function chromium(gate) {
  const browser = await startBrowser(gate.pins ? [`--ignore-certificate-errors-spki-list=${gate.pins}`] : []);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${gate.address}/${gate.first}/public/tell`);
  return {
    page,
    async ask({ method, target, headers: { cookie, ...headers }, body }) {
      await context.clearCookies();
      const pairs = (cookie ?? "").split("; ").filter(Boolean).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
      await context.addCookies(pairs.map(([name, value]) => ({ name, value, domain: "localhost", path: "/", secure: gate.ca !== undefined, httpOnly: true })));
      const got = await page.evaluate(async ([method, target, headers, text]) => {
        const { "sec-fetch-mode": _, "sec-fetch-dest": __, "sec-fetch-site": ___, ...own } = headers;
        performance.clearResourceTimings();
        const response = await fetch(target, { method, headers: own, body: text });
        const bytes = new Uint8Array(await response.arrayBuffer());
        const entry = () => performance.getEntriesByType("resource").at(-1)?.nextHopProtocol;
        while (!entry()) await new Promise((resolve) => setTimeout(resolve, 5));
        let latin = "";
        for (let at = 0; at < bytes.length; at += 8192) latin += String.fromCharCode(...bytes.subarray(at, at + 8192));
        return { status: response.status, hop: entry(), type: response.headers.get("content-type"), body: btoa(latin) };
      }, [method, target, headers, body?.toString("latin1")]);
      const protocol = { "http/1.1": "HTTP/1.1", h2: "HTTP/2" }[got.hop] ?? got.hop;
      return { status: got.status, protocol, type: got.type, body: Buffer.from(got.body, "base64") };
    },
    close: () => browser.close(),
  };
}
