// A real nginx with the files of deploy/nginx as they are shipped: it asks the gate about every request (forward-auth.conf), or stands before it (ingress.conf).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { header, startApplication } from "../e2e/support/application.mjs";
import { signIn, startCertifiedProvider } from "../e2e/support/certified.mjs";
import { Client, SCRIPT } from "../e2e/support/client.mjs";
import { freshKey, startGate } from "../e2e/support/gate.mjs";
import { delay, freePort } from "../e2e/support/processes.mjs";
import { namesOfProxies, startNginx } from "./nginx.mjs";

const TOKEN_LIFE = 4;
const HOST = "app.example.mn";
/** Everything that only a proxy can know, as a client would have it. */
const LIES = Object.fromEntries(namesOfProxies().map((name) => [name, "10.0.0.1, a-lie"]));

function assertNoLie(request) {
  const lies = request.headers.filter(([, value]) => value.includes("a-lie"));
  assert.deepEqual(lies, [], "nothing that the client made up");
  assert.deepEqual(header(request, "x-real-ip"), ["127.0.0.1"]);
}

describe("nginx asks the gate about every request", () => {
  let application, provider, gate, nginx, site, config, gatePort;

  before(async () => {
    const port = await freePort();
    gatePort = await freePort();
    site = `https://${HOST}:${port}`;
    application = await startApplication();
    provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`], accessTokenSeconds: TOKEN_LIFE });
    config = `public_url = "${site}"
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-rs256"
scopes = ["openid", "offline_access", "email", "profile"]
[session]
keys = ["${freshKey()}"]
`;
    gate = await startGate(config, { port: gatePort });
    nginx = await startNginx("forward-auth.conf", { port, gate: gatePort, application: new URL(application.address).port });
  });

  after(async () => {
    await nginx?.stop("SIGQUIT");
    await gate?.stop();
    await provider?.close();
    await application?.close();
  });

  const script = (client, target, headers) => client.request(site + target, { headers: { ...SCRIPT, ...headers } });

  test("a page load signs in and comes back to the very same address", async () => {
    const client = new Client({ ca: nginx.ca });
    const address = `${site}/deep/%D0%B0?q=1%202&r=a/b`;
    const page = await signIn(client, address);
    assert.equal(page.status, 200, page.body);
    assert.equal(page.url, address);
    const request = JSON.parse(page.body);
    assert.equal(request.target, "/deep/%D0%B0?q=1%202&r=a/b");
    assert.deepEqual(header(request, "x-forwarded-user"), ["bat"]);
    assert.deepEqual(header(request, "x-forwarded-email"), ["bat@example.mn"]);
    assert.deepEqual(header(request, "x-forwarded-groups").map(decodeURIComponent), ["admin,ажилтан"]);
  });

  test("a script without a session is told 401, and is not redirected", async () => {
    const answer = await script(new Client({ ca: nginx.ca }), "/api/things");
    assert.equal(answer.status, 401);
    assert.match(answer.headers["content-type"], /^application\/problem\+json/);
    assert.equal(JSON.parse(answer.body).login_url, `${site}/oauth2/start`);
    assert.deepEqual(answer.setCookies, [], "and starts no sign-in");
  });

  test("nobody can say who they are", async () => {
    const client = new Client({ ca: nginx.ca });
    await signIn(client, `${site}/`);
    const spoof = { "x-forwarded-user": "root", "x-forwarded-email": "root@example.mn", "x-auth-request-user": "root" };
    const request = JSON.parse((await script(client, "/", spoof)).body);
    assert.deepEqual(header(request, "x-forwarded-user"), ["bat"]);
    assert.deepEqual(header(request, "x-forwarded-email"), ["bat@example.mn"]);
    const nobody = await script(new Client({ ca: nginx.ca }), "/", spoof);
    assert.equal(nobody.status, 401);
  });

  test("nor what only a proxy can know", async () => {
    const client = new Client({ ca: nginx.ca });
    await signIn(client, `${site}/`);
    const answer = await script(client, "/", LIES);
    assert.equal(answer.status, 200, answer.body);
    assertNoLie(JSON.parse(answer.body));
  });

  test("what a client says about the original request is not believed", async () => {
    const lies = { "x-original-url": `${site}/oauth2/public`, "x-original-uri": "/public", "x-forwarded-uri": "/public", "x-forwarded-host": "evil.example" };
    const answer = await new Client({ ca: nginx.ca }).request(`${site}/private`, { headers: { accept: "text/html", ...lies } });
    assert.equal(answer.status, 302);
    assert.ok(answer.headers.location.startsWith(provider.issuer), answer.headers.location);
  });

  test("every cookie of a refresh reaches the browser: the session survives a gate that remembers nothing", async () => {
    const client = new Client({ ca: nginx.ca });
    await signIn(client, `${site}/`);
    for (let round = 0; round < 2; round += 1) {
      const before = new Map(client.cookies.get(HOST));
      await delay((TOKEN_LIFE + 0.6) * 1000);
      const answer = await script(client, `/after/${round}`);
      assert.equal(answer.status, 200, answer.body);
      // `.back` counts how often the browser came back from the provider; it is no piece of a session.
      const session = [...before.keys()].filter((name) => name.includes("tokigate") && !name.endsWith(".back"));
      const renewed = session.filter((name) => client.cookies.get(HOST).get(name)?.value !== before.get(name).value);
      assert.deepEqual(renewed, session, "every piece of the session was renewed");
      // Had a piece been lost, only the gate's own memory could make up for it.
      await gate.stop();
      gate = await startGate(config, { port: gatePort });
    }
    assert.equal(provider.counts.revoked, 0, "no refresh token was sent twice");
  });

  test("signing out ends it", async () => {
    const client = new Client({ ca: nginx.ca });
    await signIn(client, `${site}/`);
    await client.open(`${site}/oauth2/sign_out`, { headers: { "sec-fetch-site": "same-origin" } });
    assert.equal((await script(client, "/")).status, 401);
  });
});

describe("nginx stands before the gate", () => {
  let application, provider, gate, nginx, site;

  before(async () => {
    const port = await freePort();
    const gatePort = await freePort();
    site = `https://${HOST}:${port}`;
    application = await startApplication();
    provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`] });
    const config = `public_url = "${site}"
upstream = "${application.address}"
trusted_proxies = ["loopback"]
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-rs256"
scopes = ["openid", "offline_access", "email", "profile"]
[session]
keys = ["${freshKey()}"]
[[rules]]
path = "/public/**"
access = "public"
[[rules]]
path = "/inside/**"
from = ["10.0.0.0/8"]
`;
    gate = await startGate(config, { port: gatePort });
    nginx = await startNginx("ingress.conf", { port, gate: gatePort });
  });

  after(async () => {
    await nginx?.stop("SIGQUIT");
    await gate?.stop();
    await provider?.close();
    await application?.close();
  });

  const script = (client, target, headers) => client.request(site + target, { headers: { ...SCRIPT, ...headers } });

  test("what only a proxy can know reaches the application from nobody else", async () => {
    const client = new Client({ ca: nginx.ca });
    const page = await signIn(client, `${site}/deep/a`);
    assert.equal(page.status, 200, page.body);
    for (const target of ["/public/x", "/deep/a"]) {
      const answer = await script(client, target, LIES);
      assert.equal(answer.status, 200, answer.body);
      const request = JSON.parse(answer.body);
      assertNoLie(request);
      assert.deepEqual(header(request, "x-forwarded-for"), ["127.0.0.1, 127.0.0.1"]);
    }
  });

  test("and decides nothing: neither where somebody is, nor what another request would get", async () => {
    const client = new Client({ ca: nginx.ca });
    await signIn(client, `${site}/`);
    const inside = { "x-real-ip": "10.0.0.1", "x-forwarded-for": "10.0.0.1", forwarded: "for=10.0.0.1" };
    assert.equal((await script(client, "/inside/x", inside)).status, 403);
    for (const about of [
      { "x-original-uri": "/public/x", "x-original-method": "GET" },
      { "x-original-url": `${site}/public/x`, "x-original-method": "GET" },
      { "x-forwarded-uri": "/public/x", "x-forwarded-method": "GET" },
    ]) {
      for (const endpoint of ["/oauth2/auth", "/oauth2/auth/redirect"]) {
        assert.equal((await script(client, endpoint, about)).status, 403, `${endpoint} ${JSON.stringify(about)}`);
      }
    }
  });
});
