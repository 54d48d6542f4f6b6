// WebSockets: clients that nobody here wrote, servers that nobody here wrote, and the gate between (docs/protocols.md).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../e2e/support/processes.mjs";
import { makeAuthority } from "./protocols/authority.mjs";
import { section } from "./protocols/page.mjs";
import { MEBIBYTE } from "./protocols/site.mjs";
import { WEBSOCKET_CLIENTS, WEBSOCKET_SERVERS } from "./protocols/websockets.mjs";
import { startGateBefore } from "./protocols/world.mjs";

const TEXT = "Сайн байна уу, 🐎?";

const page = section("WebSocket", {
  note: `Each client to each server, which sends back what it gets: without a session; from a page of another origin (Chromium sends no cookie there); a text
of Cyrillic and more; 1 MiB in one message; closed by the client, in the server's words; closed by the server, in the client's words; closed because somebody signed
out, in the client's. hypercorn tells its applications 1006 of every end. A browser's interface tells nothing about a refusal but that it is one.`,
  columns: ["client", "speaks", "server", "is spoken to in", "without a session", "foreign Origin", "text", "1 MiB", "client closes", "server closes", "signed out"],
  keys: 4,
});

/** For trying some alone: a pattern of a client's name and protocol. */
const ONLY = new RegExp(process.env.PROTOCOLS_ONLY ?? "");

describe("WebSockets", () => {
  const servers = new Map();
  const gates = {};
  const clients = WEBSOCKET_CLIENTS.filter(({ name, speaks }) => ONLY.test(`${name}, ${speaks}`));

  before(async () => {
    await Promise.all(WEBSOCKET_SERVERS.map(async (server) => servers.set(server.path, await server.start())));
    const routes = WEBSOCKET_SERVERS.map(({ path, scheme = "http" }) => [path, `${scheme}://127.0.0.1:${servers.get(path).port}`]);
    const authority = makeAuthority();
    if (clients.some(({ tls }) => !tls)) gates.plain = await startGateBefore(routes);
    if (clients.some(({ tls }) => tls)) gates.tls = await startGateBefore(routes, { authority, certificate: authority.server("localhost") });
  });

  after(async () => {
    await gates.plain?.stop();
    await gates.tls?.stop();
    for (const server of servers.values()) await server.stop();
  });

  for (const client of clients) {
    test(`${client.name}, ${client.speaks}`, async (t) => {
      const gate = client.tls ? gates.tls : gates.plain;
      const open = await client.open(gate);
      try {
        for (const server of WEBSOCKET_SERVERS) await t.test(`to ${server.name}, ${server.spoken ?? "HTTP/1.1"}`, () => talk(gate, client, open, server));
      } finally {
        await open.close();
      }
      if (client.name === "Chromium" && client.speaks.startsWith("HTTP/2")) assert.ok(open.extended() >= 3 * WEBSOCKET_SERVERS.length, `${open.extended()}`);
    });
  }

  let number = 0;

  async function talk(gate, client, open, server) {
    const target = `/${server.path}/room/${(number += 1)}`;
    const { cookie } = gate;

    const stranger = await open.connect(target, {});
    assert.ok([401, "refused"].includes(stranger.status), `${stranger.status}`);
    const foreign = await open.connect(target, { cookie, foreign: true });
    assert.ok([403, "refused"].includes(foreign.status), `${foreign.status}`);

    const socket = await open.connect(target, { cookie });
    assert.equal(socket.status, undefined);
    await socket.send("user");
    assert.equal(await socket.next(), "bat");
    await socket.send(TEXT);
    assert.equal(await socket.next(), TEXT);
    await socket.send(MEBIBYTE);
    const large = await socket.next();
    assert.ok(MEBIBYTE.equals(large));
    await socket.close(4000, "баяртай");
    assert.deepEqual(await socket.next(), { closed: [4000, "баяртай"] });

    const second = await open.connect(`${target}/second`, { cookie });
    const serverSaw = await until(async () => {
      await second.send(`closed ${target}`);
      return second.next();
    }, 5_000, "the server to see the end");
    assert.match(serverSaw, server.codes ?? /^4000 баяртай$/);
    await second.send("close 4001 ажил дууслаа");
    const { closed: byServer } = await second.next();
    assert.equal(byServer[0], 4001);

    const person = await gate.signIn();
    const third = await open.connect(`${target}/third`, { cookie: person.cookie });
    await third.send("user");
    assert.equal(await third.next(), "bat");
    await person.signOut();
    const { closed: over } = await third.next();
    assert.equal(over[0], 4401);
    page.row(client.name, client.speaks, server.name, server.spoken ?? "HTTP/1.1", stranger.status, foreign.status, `${Buffer.byteLength(TEXT)} bytes`, `${large.length} bytes`,
      serverSaw.trim(), byServer.join(" ").trim(), over[0]);
  }

  test("docs/protocols.md says what this came to", () => page.settle());
});
