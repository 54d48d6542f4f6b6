// Every client before the gate, every server behind it: the same four exchanges, whatever the wire (docs/protocols.md).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { person, startBrowser } from "../e2e/support/browser.mjs";
import { SCRIPT } from "../e2e/support/client.mjs";
import { makeAuthority } from "./protocols/authority.mjs";
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

/** For trying some alone: patterns of a client's name and protocol, and of a server's, as `curl, HTTP/2>Node`. */
const ONLY = (process.env.PROTOCOLS_ONLY ?? ">").split(">").map((pattern) => new RegExp(pattern));
const wanted = (index, { name, speaks, spoken }) => ONLY[index].test(`${name}, ${speaks ?? spoken}`);

const load = section("Many at once", {
  note: `Signed in. h2load: 2 connections with 50 streams each, 1,000 requests. curl: 50 at a time, 100 requests.`,
  columns: ["client", "speaks", "server", "is spoken to in", "requests", "answered 200"],
  keys: 4,
});

describe("every client to every server", () => {
  const servers = new Map();
  const gates = {};
  const clients = CLIENTS.filter((client) => wanted(0, client));
  const there = SERVERS.filter((server) => !server.missing && wanted(1, server));

  before(async () => {
    const authority = makeAuthority();
    const certificate = authority.server("localhost");
    const own = authority.client("tokigate");
    await Promise.all(there.map(async (server) => servers.set(server.path, await server.start({ certificate, clientCa: authority.caFile }))));
    const routes = there.map(({ path, scheme }) => [path, `${scheme}://localhost:${servers.get(path).port}`]);
    const more = there.some(({ scheme }) => scheme === "https") && `
[upstream_tls]
ca_file = "${authority.caFile}"
cert_file = "${own.certFile}"
key_file = "${own.keyFile}"
`;
    if ([...clients, ...loads].some((client) => !client.tls)) gates.plain = await startGateBefore(routes, { more: more || "" });
    if ([...clients, ...loads].some((client) => client.tls)) gates.tls = await startGateBefore(routes, { more: more || "", authority, certificate });
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
      t.after(() => open.close());
      for (const server of there) await t.test(`to ${server.name}, ${server.spoken}`, () => exchange(gate, client, open, server));
    });
  }

  if (wanted(0, { name: "Chromium", speaks: "HTTP/2, TLS" })) {
    test("a person signs in with Chromium over HTTP/2, and out again", async (t) => {
      const browser = await startBrowser([`--ignore-certificate-errors-spki-list=${gates.tls.pins}`]);
      t.after(() => browser.close());
      const tab = await (await person(browser)).newPage();
      const address = `${gates.tls.address}/${gates.tls.first}/tell${QUERY}`;
      await tab.goto(address);
      await tab.fill("[name=login]", "saruul");
      await tab.fill("[name=password]", "any");
      await tab.click("[type=submit]");
      await tab.click("[type=submit]");
      await tab.waitForURL(address);
      const told = JSON.parse(await tab.locator("body").textContent());
      assert.equal(told.user, "saruul");
      assert.equal(await tab.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
      // From there on it is the provider's page.
      await tab.goto(`${gates.tls.address}/oauth2/sign_out`);
      await tab.goto(`${gates.tls.address}/${gates.tls.first}/public/tell`);
      const over = await tab.evaluate(async (target) => (await fetch(target)).status, `/${gates.tls.first}/tell`);
      assert.equal(over, 401);
    });
  }

  for (const server of SERVERS.filter(({ missing }) => missing)) {
    test(`to ${server.name}, ${server.spoken}`, { skip: server.missing }, () => {});
    for (const part of [page, load]) part.without(server.name);
  }

  async function exchange(gate, client, open, server) {
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

  const loads = [
    { name: "h2load", speaks: "HTTP/2", send: h2load },
    { name: "h2load", speaks: "HTTP/2, TLS", tls: true, send: h2load },
    // Not by prior knowledge: curl 7.88 is in its own way there, before any server.
    { name: "curl --parallel", speaks: "HTTP/2, TLS", tls: true, send: curlParallel },
  ].filter((client) => wanted(0, client));
  for (const client of loads) {
    test(`many at once: ${client.name}, ${client.speaks}`, async (t) => {
      const gate = client.tls ? gates.tls : gates.plain;
      for (const server of there) {
        await t.test(`to ${server.name}, ${server.spoken}`, async () => {
          const { requests, answered } = await client.send(gate, `/${server.path}/tell`);
          assert.equal(answered, requests);
          load.row(client.name, client.speaks, server.name, server.spoken, requests, answered);
        });
      }
    });
  }

  test("docs/protocols.md says what this came to", () => {
    page.settle();
    load.settle();
  });
});

async function h2load(gate, target) {
  const args = ["-n", "1000", "-c", "2", "-m", "50", "-H", `cookie: ${gate.cookie}`, gate.address + target];
  const { stdout } = await promisify(execFile)("h2load", args, { timeout: 30_000 });
  const [, requests] = /^requests: (\d+) total/m.exec(stdout);
  const [, answered] = /^status codes: (\d+) 2xx/m.exec(stdout);
  return { requests: Number(requests), answered: Number(answered) };
}

async function curlParallel(gate, target) {
  const args = ["-sS", "--no-progress-meter", "--parallel", "--parallel-max", "50", "--http2", "--cacert", gate.caFile, "-H", `cookie: ${gate.cookie}`, "-o", "/dev/null",
    "-w", "%{http_code} %{http_version}\n", `${gate.address}${target}?[1-100]`];
  const { stdout } = await promisify(execFile)("curl", args, { timeout: 30_000 });
  const lines = stdout.trim().split("\n").map((line) => line.split(" ").map(Number));
  assert.ok(lines.every(([, version]) => version === 2), stdout);
  return { requests: lines.length, answered: lines.filter(([status]) => status === 200).length };
}
