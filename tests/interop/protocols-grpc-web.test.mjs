// gRPC-Web, through the gate unchanged: sonora on both sides, and Google's client in a browser (docs/protocols.md).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startBrowser } from "../e2e/support/browser.mjs";
import { callAll, startConnect } from "./protocols/connect.mjs";
import { section } from "./protocols/page.mjs";
import { HERE, VENV } from "./protocols/programs.mjs";
import { startHypercorn } from "./protocols/servers.mjs";
import { startGateBefore } from "./protocols/world.mjs";

const run = promisify(execFile);
const WORDS = "100% тийм";
const LARGE = 1024 ** 2;
const LIBRARY = createRequire(new URL("../e2e/package.json", import.meta.url)).resolve("grpc-web");

const page = section("gRPC-Web", {
  note: `A message and back, 1 MiB and back, a hundred messages from the server, a status that the server gives, the gate's to a call without a session, and
the gate's to one that a rule forbids.`,
  columns: ["client", "speaks", "server", "is spoken to in", "unary", "1 MiB", "server stream", "error", "stranger", "forbidden"],
  keys: 4,
});

const SERVERS = [
  { name: "sonora on hypercorn", start: () => startHypercorn({ app: "grpc_web:app" }) },
  { name: "connect-es", start: startConnect },
];

for (const { name, start } of SERVERS) {
  describe(`gRPC-Web, to ${name}`, () => {
    let server, gate;

    before(async () => {
      server = await start();
      const rules = `
[[rules]]
path = "/web.Echo/Closed"
require = { groups = ["nobody"] }
[[rules]]
path = "/public/**"
access = "public"
`;
      gate = await startGateBefore([["web.Echo", `http://127.0.0.1:${server.port}`]], { rules });
    });

    after(async () => {
      await gate?.stop();
      await server?.stop();
    });

    function judge(client, told) {
      assert.deepEqual([told.unary.code, told.unary.message, told.unary.trailers.user], [0, WORDS, "bat"]);
      assert.equal(told.large, LARGE);
      assert.deepEqual(told.count, Array.from({ length: 100 }, (_, index) => index + 1));
      assert.deepEqual([told.fail.code, told.fail.details], [9, WORDS]);
      assert.equal(told.stranger.code, 16);
      assert.equal(told.forbidden.code, 7);
      page.row(client, "HTTP/1.1", name, "HTTP/1.1", `${Buffer.byteLength(told.unary.message)} bytes`, `${told.large} bytes`, `${told.count.length} messages`,
        `${told.fail.code} ${told.fail.details}`, `${told.stranger.code} UNAUTHENTICATED`, `${told.forbidden.code} PERMISSION_DENIED`);
    }

    test("sonora's client", async () => {
      const { stdout } = await run(join(VENV, "python"), [join(HERE, "grpc_web.py"), gate.address, gate.cookie, WORDS, String(LARGE)], { maxBuffer: 2 ** 24 });
      judge("sonora", JSON.parse(stdout));
    });

    // sonora writes `b'grpc-status'` for a name of a unary call's trailers, with any gate and with none; not every client lets it.
    if (!name.startsWith("sonora")) test("connect-es's client", async () => judge("connect-es", await callAll(gate, WORDS, LARGE)));

    test("Google's client in Chromium", async (t) => {
      const browser = await startBrowser();
      t.after(() => browser.close());
      const context = await browser.newContext();
      const tab = await context.newPage();
      await tab.goto(`${gate.address}/public/page`);
      await tab.addScriptTag({ content: `var exports = {}, module = { exports }; ${readFileSync(LIBRARY, "utf8")}\nwindow.grpcWeb = module.exports;` });
      const told = {};
      const call = (method, text, options = {}) => tab.evaluate(callHere, { method, text, ...options });
      told.stranger = await call("Unary", "x");
      const pairs = gate.cookie.split("; ").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
      await context.addCookies(pairs.map(([name, value]) => ({ name, value, domain: "localhost", path: "/", httpOnly: true })));
      told.unary = await call("Unary", WORDS);
      told.large = (await call("Unary", "x".repeat(LARGE))).message.length;
      told.count = (await call("Count", "100", { kind: "server_streaming" })).messages.map(Number);
      told.fail = await call("Fail", `9 ${WORDS}`);
      told.forbidden = await call("Closed", "x");
      judge("grpc-web in Chromium", told);
    });
  });
}

test("docs/protocols.md says what this came to", () => page.settle());

/** In the page. */
function callHere({ method, text, kind = "unary" }) {
  const { GrpcWebClientBase, MethodDescriptor } = window.grpcWeb;
  // sonora answers in the type that is accepted, and a browser accepts anything.
  const METADATA = { accept: "application/grpc-web+proto" };
  // A StringValue: field 1, length, bytes.
  const pack = ({ text }) => {
    const bytes = new TextEncoder().encode(text);
    const head = [10];
    let left = bytes.length;
    for (; left > 127; left = Math.floor(left / 128)) head.push((left % 128) + 128);
    return Uint8Array.from([...head, left, ...bytes]);
  };
  const unpack = (message) => {
    let at = 1;
    while (message[at] > 127) at += 1;
    return { text: new TextDecoder().decode(message.subarray(at + 1)) };
  };
  const descriptor = new MethodDescriptor(`/web.Echo/${method}`, kind, Object, Object, pack, unpack);
  const client = new GrpcWebClientBase({ format: "binary" });
  return new Promise((resolve) => {
    const messages = [];
    const failed = (error) => resolve({ code: error.code, details: error.message });
    if (kind === "server_streaming") {
      const stream = client.serverStreaming(`${location.origin}/web.Echo/${method}`, { text }, METADATA, descriptor);
      stream.on("data", (message) => messages.push(message.text));
      stream.on("error", failed);
      stream.on("end", () => resolve({ code: 0, messages }));
      return;
    }
    // The answer and the status come in either order.
    let [answer, status] = [undefined, undefined];
    const settle = () => answer !== undefined && status && resolve({ code: status.code, message: answer, trailers: status.metadata });
    const stream = client.rpcCall(`${location.origin}/web.Echo/${method}`, { text }, METADATA, descriptor, (error, got) => {
      if (error) return failed(error);
      answer = got.text;
      settle();
    });
    stream.on("status", (got) => {
      status = got;
      settle();
    });
  });
}
