// Forward authentication: a real nginx asks the gate about every request (deploy/nginx/forward-auth.conf, as shipped).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { header, startApplication } from "../e2e/support/application.mjs";
import { signIn, startCertifiedProvider } from "../e2e/support/certified.mjs";
import { Client, SCRIPT } from "../e2e/support/client.mjs";
import { freshKey, startGate } from "../e2e/support/gate.mjs";
import { delay, freePort } from "../e2e/support/processes.mjs";
import { startNginx } from "./nginx.mjs";

const TOKEN_LIFE = 4;
const HOST = "app.example.mn";

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
