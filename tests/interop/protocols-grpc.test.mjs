// gRPC: two libraries that nobody here wrote, each as client and as server, with the gate between (docs/protocols.md).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeAuthority } from "./protocols/authority.mjs";
import { GRPC_CLIENTS, GRPC_SERVERS } from "./protocols/grpc.mjs";
import { startIssuer } from "./protocols/issuer.mjs";
import { section } from "./protocols/page.mjs";
import { startGateBefore } from "./protocols/world.mjs";

const LARGE = Buffer.alloc(16 * 1024 ** 2, "хонь");
const BYTES = Buffer.from([0, 1, 2, 253, 254, 255]);
const WORDS = "100% тийм";

const page = section("gRPC", {
  note: `Each client calls each server. Where messages are counted: sent, and come back. Bidirectional: the answer to each message was there before the next one was
sent. Metadata went there and came back as trailers, bytes in \`-bin\` too. A deadline of the client's, and a call that the client cancels: the server saw both end, the second
within a second. At the end: the status that the server gave; a call
with an access token in place of a session (\`[[bearer]]\`); the gate's status to a call with neither, and to one that a rule forbids.`,
  columns: ["client", "speaks", "server", "is spoken to in", "unary", "client stream", "server stream", "bidirectional", "metadata", "deadline", "cancelled", "16 MiB", "error", "access token", "stranger", "forbidden"],
  keys: 4,
});

const DIRECT = process.env.GRPC_DIRECT !== undefined;
const WAYS = [
  { speaks: "HTTP/2", spoken: "HTTP/2", scheme: "h2c", tls: false },
  { speaks: "HTTP/2, TLS", spoken: "HTTP/2, TLS", scheme: "https", tls: true },
];

for (const way of WAYS) {
  describe(`gRPC, ${way.speaks} to ${way.spoken}`, () => {
    const servers = new Map();
    let gate, issuer;

    before(async () => {
      const authority = makeAuthority();
      const certificate = authority.server("localhost");
      for (const server of GRPC_SERVERS) servers.set(server, await server.start(serviceOf(server), way.tls ? certificate : undefined));
      issuer = await startIssuer();
      const rules = GRPC_SERVERS.map((server) => `
[[rules]]
path = "/${serviceOf(server)}/Closed"
require = { groups = ["nobody"] }
upstream = "${way.scheme}://localhost:${servers.get(server).port}"
[[rules]]
path = "/${serviceOf(server)}/Token"
bearer = true
upstream = "${way.scheme}://localhost:${servers.get(server).port}"
`).join("");
      const routes = GRPC_SERVERS.map((server) => [serviceOf(server), `${way.scheme}://localhost:${servers.get(server).port}`]);
      if (DIRECT) gate = { cookie: "", stop() {}, ...(way.tls && authority) };
      else gate = await startGateBefore(routes, { rules, more: issuer.toml + (way.tls ? `[upstream_tls]\nca_file = "${authority.caFile}"\n` : ""), ...(way.tls && { authority, certificate }) });
    });

    after(async () => {
      await gate?.stop();
      issuer?.stop();
      for (const server of servers.values()) await server.stop();
    });

    for (const client of GRPC_CLIENTS) {
      for (const server of GRPC_SERVERS) {
        test(`${client.name} calls ${server.name}`, async (t) => {
          const open = await client.open(DIRECT ? { ...gate, port: servers.get(server).port } : gate);
          t.after(() => open.close());
          const stranger = (method, metadata, options) => open.call(`/${serviceOf(server)}/${method}`, metadata, options);
          const call = (method, metadata, options) => stranger(method, { cookie: gate.cookie, ...metadata }, options);
          const came = await everything(call);
          const [unknown, forbidden] = DIRECT ? [{ code: 16 }, { code: 7 }] : [await refused(stranger("Unary")), await refused(call("Closed"))];
          assert.equal(unknown.code, 16);
          const robot = stranger("Token", { authorization: `Bearer ${issuer.token("robot")}` });
          assert.equal(String(await ask(robot, Buffer.from(WORDS))), WORDS);
          const { code: taken } = await robot.done;
          assert.equal(taken, 0);
          if (!DIRECT) assert.equal((await robot.head).user, "robot");
          assert.equal(forbidden.code, 7);
          page.row(client.name, way.speaks, server.name, way.spoken, ...came, `${taken} OK`, `${unknown.code} UNAUTHENTICATED`, `${forbidden.code} PERMISSION_DENIED`);
        });
      }
    }
  });
}

test("docs/protocols.md says what this came to", () => page.settle());

const serviceOf = (server) => `${server.name.replace("-", "")}.Echo`;

async function ask(call, message) {
  call.send(message);
  call.end();
  return call.next();
}

/** A refusal is one that begins with its status: no message comes, and no head before it. */
async function refused(call) {
  call.send(Buffer.from("hello"));
  call.end();
  const done = await call.done;
  assert.equal(await call.next(), undefined);
  assert.notEqual(done.details, "");
  return done;
}

/** All that a service does, in the order of the page's columns. */
async function everything(call) {
  const cells = [];

  // Beside all others, until its time is over.
  const lateName = `late ${number()}`;
  const late = call("Wait", {}, { deadline: 1500 });
  late.send(Buffer.from(lateName));
  late.end();

  const unary = call("Unary", { question: "why", "question-bin": BYTES });
  assert.equal(String(await ask(unary, Buffer.from(WORDS))), WORDS);
  const { code, trailers } = await unary.done;
  assert.equal(code, 0);
  cells.push(`${Buffer.byteLength(WORDS)} bytes`);

  const sum = call("Sum");
  for (let number = 0; number < 100; number += 1) sum.send(Buffer.alloc(number));
  const summed = String(await ask(sum, Buffer.alloc(50)));
  assert.equal(summed, "101 messages, 5000 bytes");
  assert.equal((await sum.done).code, 0);
  cells.push(summed.split(",")[0]);

  const count = call("Count");
  const numbers = [await ask(count, Buffer.from("100"))];
  for (let message = await count.next(); message !== undefined; message = await count.next()) numbers.push(message);
  assert.deepEqual(numbers.map(Number), Array.from({ length: 100 }, (_, index) => index + 1));
  assert.equal((await count.done).code, 0);
  cells.push(`${numbers.length} messages`);

  const talk = call("Talk");
  for (let number = 0; number < 20; number += 1) {
    talk.send(Buffer.from(`${number}`));
    assert.equal(String(await talk.next()), `${number}`);
  }
  talk.end();
  assert.equal((await talk.done).code, 0);
  cells.push("20 and 20 messages");

  const head = await unary.head;
  assert.equal(head["at-first"], "hello");
  if (!DIRECT) assert.equal(head.user, "bat");
  assert.equal(trailers.answer, "why");
  assert.deepEqual(Buffer.from(trailers["answer-bin"]), BYTES);
  cells.push(`${Object.keys(trailers).filter((name) => name.startsWith("answer")).length} and 2 keys`);

  assert.equal((await late.head).deadline, "set");
  const { code: deadline } = await late.done;
  assert.equal(deadline, 4);
  assert.equal(String(await ask(call("Seen"), Buffer.from(lateName))), "yes");
  cells.push(`${deadline} DEADLINE_EXCEEDED`);

  // One that waits for its answer, and one that is still sending.
  for (const kind of ["Wait", "Talk"]) {
    // A machine that stands still for a moment is not the gate's: once of three times is enough.
    const took = [];
    do {
      const name = `cancelled ${number()}`;
      const cancelled = call(kind);
      cancelled.send(Buffer.from(name));
      if (kind === "Wait") cancelled.end();
      await (kind === "Wait" ? cancelled.head : cancelled.next());
      const began = performance.now();
      cancelled.cancel();
      assert.equal(String(await ask(call("Seen"), Buffer.from(name))), "yes");
      took.push(performance.now() - began);
      assert.equal((await cancelled.done).code, 1);
    } while (took.at(-1) >= 1000 && took.length < 3);
    assert.ok(took.at(-1) < 1000, `${took} ms`);
  }
  cells.push("1 CANCELLED");

  const large = call("Unary");
  assert.ok(LARGE.equals(await ask(large, LARGE)));
  assert.equal((await large.done).code, 0);
  cells.push(`${LARGE.length} bytes`);

  const fail = call("Fail");
  fail.send(Buffer.from(`9 ${WORDS}`));
  fail.end();
  const failed = await fail.done;
  assert.equal(failed.code, 9);
  assert.equal(failed.details, WORDS);
  assert.deepEqual(Buffer.from(failed.trailers["why-bin"]), Buffer.from([0, 255, 1]));
  cells.push(`${failed.code} ${failed.details}`);
  return cells;
}

function number() {
  number.last = (number.last ?? 0) + 1;
  return number.last;
}
