// Every client before the gate, every server behind it: the same four exchanges, whatever the wire (docs/protocols.md).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SCRIPT } from "../e2e/support/client.mjs";
import { CLIENTS } from "./protocols/clients.mjs";
import { section } from "./protocols/page.mjs";
import { SERVERS } from "./protocols/servers.mjs";
import { MEBIBYTE, sha256 } from "./protocols/site.mjs";
import { startGateBefore } from "./protocols/world.mjs";

const QUERY = "?x=1&y=a%2Fb%20c&z=%D3%A8";
const OTHERS = "theme=dark; lang=mn";

const page = section("HTTP", {
  note: `Sent by each client to each server: a GET without a session; with one, a GET of \`…/tell${QUERY}\` with two cookies of the application beside the
gate's; a POST of 1 MiB; a GET of 1 MiB. What came out is the status, or the bytes at the end they were for. Protocols are those that client and
server themselves name. Everywhere the server sees the target byte for byte, the user, and the application's cookies alone.`,
  columns: ["client", "speaks", "server", "is spoken to in", "without a session", "GET", "POST", "GET, large"],
  keys: 4,
});

describe("every client to every server", () => {
  const servers = new Map();
  let gate;

  before(async () => {
    await Promise.all(SERVERS.filter(({ missing }) => !missing).map(async (server) => servers.set(server.path, await server.start())));
    const routes = SERVERS.filter(({ path }) => servers.has(path)).map(({ path, scheme }) => [path, `${scheme}://127.0.0.1:${servers.get(path).port}`]);
    gate = await startGateBefore(routes);
  });

  after(async () => {
    await gate?.stop();
    for (const server of servers.values()) await server.stop();
  });

  for (const client of CLIENTS) {
    test(`${client.name}, ${client.speaks}`, async (t) => {
      const open = await client.open(gate);
      t.after(() => open.close());
      for (const server of SERVERS) {
        await t.test(`to ${server.name}, ${server.spoken}`, { skip: server.missing }, () => exchange(client, open, server));
      }
    });
  }

  async function exchange(client, open, server) {
    const ask = (target, options = {}) => open.ask({ method: "GET", target: `/${server.path}${target}`, headers: { ...SCRIPT, ...options.headers }, ...options.sent });
    const signedIn = { headers: { cookie: `${gate.cookie}; ${OTHERS}` } };

    const stranger = await ask("/tell");
    assert.equal(stranger.status, 401);
    assert.equal(JSON.parse(stranger.body).login_url, `${gate.address}/oauth2/start`);
    if (stranger.type) assert.match(stranger.type, /^application\/problem\+json/);

    const got = await ask(`/tell${QUERY}`, signedIn);
    assert.equal(got.status, 200, String(got.body));
    const told = JSON.parse(got.body);
    assert.equal(told.target, `/${server.path}/tell${QUERY}`);
    assert.equal(told.method, "GET");
    assert.equal(told.host, `localhost:${gate.port}`);
    assert.equal(told.user, "bat");
    assert.equal(told.forwarded, "127.0.0.1");
    assert.deepEqual(told.cookie.split("; ").sort(), OTHERS.split("; ").sort());

    const sent = await ask("/count", { ...signedIn, sent: { method: "POST", body: MEBIBYTE } });
    assert.equal(sent.status, 200, String(sent.body));
    const counted = JSON.parse(sent.body);
    assert.equal(counted.bytes, MEBIBYTE.length);
    if (counted.sha256) assert.equal(counted.sha256, sha256(MEBIBYTE));

    const large = await ask("/bytes", signedIn);
    assert.equal(large.status, 200);
    assert.equal(sha256(large.body), sha256(MEBIBYTE));

    if (got.protocol) assert.equal(got.protocol, client.speaks.split(",")[0]);
    assert.equal(told.protocol.replace("HTTP/2.0", "HTTP/2"), server.spoken.split(",")[0]);
    page.row(client.name, client.speaks, server.name, server.spoken, stranger.status, got.status, `${counted.bytes} bytes`, `${large.body.length} bytes`);
  }

  test("docs/protocols.md says what this came to", () => page.settle());
});
