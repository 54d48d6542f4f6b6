// A real Django behind the gate, the gate on plain http behind a TLS ingress (deploy/nginx/ingress.conf, as shipped).
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { signIn, startCertifiedProvider } from "../e2e/support/certified.mjs";
import { Client, SCRIPT } from "../e2e/support/client.mjs";
import { freshKey, startGate } from "../e2e/support/gate.mjs";
import { freePort, start } from "../e2e/support/processes.mjs";
import { listening, startNginx } from "./nginx.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const GUNICORN = join(HERE, "../.cache/venv/bin/gunicorn");
const HOST = "app.example.mn";

describe("Django behind the gate, the gate behind an ingress", () => {
  let provider, django, gate, nginx, site, djangoPort, client;

  before(async () => {
    const port = await freePort();
    djangoPort = await freePort();
    site = `https://${HOST}:${port}`;
    django = await start(
      GUNICORN,
      // `dangerous`: headers with `_` reach the application, as with servers that do not care. Who the client is, only Django decides.
      ["--bind", `127.0.0.1:${djangoPort}`, "--header-map", "dangerous", "--forwarded-allow-ips", "192.0.2.1", "shop:application"],
      { cwd: join(HERE, "django_site"), env: { SHOP_HOST: HOST, PYTHONDONTWRITEBYTECODE: "1" }, ready: () => listening(djangoPort), name: "gunicorn" },
    );
    provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`], accessTokenSeconds: 3600 });
    gate = await startGate(`public_url = "${site}"
upstream = "http://127.0.0.1:${djangoPort}"
trusted_proxies = ["loopback"]
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-rs256"
scopes = ["openid", "offline_access", "email", "profile"]
[session]
keys = ["${freshKey()}"]
`);
    // This ingress is careless too: it lets odd names through, so that the gate is what stops them.
    nginx = await startNginx("ingress.conf", { port, gate: gate.port, extra: "underscores_in_headers on; ignore_invalid_headers off;" });
    client = new Client({ ca: nginx.ca });
    const page = await signIn(client, `${site}/order/`);
    assert.equal(page.status, 200, page.body);
    assert.equal(page.url, `${site}/order/`);
  });

  after(async () => {
    await nginx?.stop("SIGQUIT");
    await gate?.stop();
    await django?.stop();
    await provider?.close();
  });

  const environ = async (headers) => JSON.parse((await client.request(`${site}/environ/`, { headers: { ...SCRIPT, ...headers } })).body);

  test("without the gate, Django redirects to https: the settings are on", async () => {
    const answer = await new Client().request(`http://127.0.0.1:${djangoPort}/environ/`, { headers: { host: HOST } });
    assert.equal(answer.status, 301);
  });

  test("through the gate it knows that it is https, under which address, and redirects to nowhere else", async () => {
    const told = await environ();
    assert.equal(told.secure, true);
    assert.equal(told.address, `${site}/environ/`);
    const page = await client.open(`${site}/moved/`);
    assert.equal(page.url, `${site}/environ/`);
    assert.equal(page.status, 200);
  });

  test("a form that Django's CSRF check guards works, and only from its own page", async () => {
    const page = await client.open(`${site}/order/`);
    const done = await client.submit(page, { what: "airag" });
    assert.equal(done.status, 200, done.body);
    assert.equal(done.body, "bat ordered airag");
    const headers = { "content-type": "application/x-www-form-urlencoded", origin: "https://evil.example" };
    const foreign = await client.request(`${site}/order/`, { method: "POST", headers, body: "what=airag" });
    assert.equal(foreign.status, 403);
  });

  test("the attack is real: a header spelled with _ reaches WSGI's environ where no gate stands", async () => {
    const headers = { host: HOST, "x-forwarded-proto": "https", X_Forwarded_User: "root" };
    const told = JSON.parse((await new Client().request(`http://127.0.0.1:${djangoPort}/environ/`, { headers })).body);
    assert.equal(told.headers.HTTP_X_FORWARDED_USER, "root");
  });

  const SPELLINGS = ["X-Forwarded-User", "x_forwarded_user", "X-Forwarded_User", "X.Forwarded.User", "X_Forwarded-Email", "X_FORWARDED_GROUPS",
    "X_Auth_Request_User", "X_Tokigate_User", "X_Forwarded_Access_Token"];
  for (const name of SPELLINGS) {
    for (const way of ["through the ingress", "straight to the gate"]) {
      test(`${name} says nothing about who somebody is, ${way}`, async () => {
        const headers = { ...SCRIPT, [name]: "root" };
        const base = way === "through the ingress" ? site : gate.address;
        if (base === gate.address) Object.assign(headers, { host: new URL(site).host, cookie: client.cookieHeader(HOST, true) });
        const answer = await client.request(`${base}/environ/`, { headers, keepCookies: false });
        assert.equal(answer.status, 200, answer.body);
        const told = JSON.parse(answer.body).headers;
        assert.equal(told.HTTP_X_FORWARDED_USER, "bat");
        assert.equal(told.HTTP_X_FORWARDED_EMAIL, "bat@example.mn");
        assert.deepEqual(Object.entries(told).filter(([, value]) => value.includes("root")), []);
      });
    }
  }

  test("naming an identity header in Connection does not take it away", async () => {
    const answer = await client.request(`${gate.address}/environ/`, {
      headers: { ...SCRIPT, host: new URL(site).host, cookie: client.cookieHeader(HOST, true), connection: "close, X-Forwarded-User" },
    });
    assert.equal(JSON.parse(answer.body).headers.HTTP_X_FORWARDED_USER, "bat");
  });

  test("the forwarded headers that Django sees are the gate's", async () => {
    const told = await environ({ "x-forwarded-proto": "http", "x-forwarded-host": "evil.example", "x-forwarded-port": "1" });
    assert.equal(told.secure, true);
    assert.equal(told.headers.HTTP_X_FORWARDED_PROTO, "https");
    assert.equal(told.headers.HTTP_X_FORWARDED_HOST, new URL(site).host);
    assert.equal(told.headers.HTTP_X_FORWARDED_PORT, new URL(site).port);
    // The ingress told the gate one address, and is the other.
    assert.equal(told.headers.HTTP_X_FORWARDED_FOR, "127.0.0.1, 127.0.0.1");
  });
});
