// The `oidc` preset against a provider that nobody here wrote.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { header, startApplication } from "./support/application.mjs";
import { signIn, signOutAtProvider, startCertifiedProvider } from "./support/certified.mjs";
import { Client, SCRIPT } from "./support/client.mjs";
import { freshKey, startGate } from "./support/gate.mjs";
import { person, startBrowser } from "./support/browser.mjs";
import { delay, freePort, temporaryFolder } from "./support/processes.mjs";

const TOKEN_LIFE = 4;

for (const algorithm of ["RS256", "ES256"]) {
  describe(`a certified provider that signs with ${algorithm}`, () => {
    let application, provider, gate, site;

    before(async () => {
      const port = await freePort();
      site = `http://localhost:${port}`;
      application = await startApplication();
      provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`], backchannelLogoutUri: `${site}/oauth2/backchannel_logout`,
        postLogoutRedirectUris: [`${site}/oauth2/signed_out`], accessTokenSeconds: TOKEN_LIFE });
      gate = await startGate(
        `public_url = "${site}"
upstream = "${application.address}"
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-${algorithm.toLowerCase()}"
scopes = ["openid", "offline_access", "email", "profile"]
id_token_algs = ["${algorithm}"]
[session]
keys = ["${freshKey()}"]
[identity]
access_token = "x-forwarded-access-token"
`,
        { port },
      );
    });

    after(async () => {
      await gate?.stop();
      await provider?.close();
      await application?.close();
    });

    const told = async (client, target) => JSON.parse((await client.request(site + target, { headers: SCRIPT })).body);

    test("a person signs in and the application is told who it is", async () => {
      const client = new Client();
      const page = await signIn(client, `${site}/deep/page?q=%D0%91%20a%2Fb&x=1;2`);
      assert.equal(page.status, 200, page.body);
      assert.equal(page.url, `${site}/deep/page?q=%D0%91%20a%2Fb&x=1;2`);
      const request = JSON.parse(page.body);
      assert.equal(request.target, "/deep/page?q=%D0%91%20a%2Fb&x=1;2");
      assert.deepEqual(header(request, "x-forwarded-user"), ["bat"]);
      assert.deepEqual(header(request, "x-forwarded-email"), ["bat@example.mn"]);
      assert.deepEqual(header(request, "x-forwarded-groups").map(decodeURIComponent), ["admin,ажилтан"]);
      assert.deepEqual(header(request, "x-forwarded-preferred-username").map(decodeURIComponent), ["Бат Дорж"]);
      assert.ok(!header(request, "cookie").join().includes("tokigate"), "no cookie of the gate reaches the application");
    });

    test("the session outlives its tokens: each refresh rotates, and the next one works", async () => {
      const client = new Client();
      await signIn(client, `${site}/`);
      const tokens = new Set();
      const { refreshes } = provider.counts;
      for (let round = 0; round < 3; round += 1) {
        await delay((TOKEN_LIFE + 0.6) * 1000);
        const request = await told(client, `/round/${round}`);
        assert.deepEqual(header(request, "x-forwarded-user"), ["bat"]);
        tokens.add(header(request, "x-forwarded-access-token")[0]);
      }
      assert.equal(tokens.size, 3, "a new access token each time");
      assert.equal(provider.counts.refreshes - refreshes, 3);
      assert.equal(provider.counts.revoked, 0, "no refresh token was ever sent twice");
    });

    test("twenty requests at once with an expired token are one refresh", async () => {
      const client = new Client();
      await signIn(client, `${site}/`, "saruul");
      await delay((TOKEN_LIFE + 0.6) * 1000);
      const { refreshes } = provider.counts;
      // Each with the same old cookies, as a page's scripts send them: none has seen another's answer.
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => {
          const tab = client.copy();
          return tab.request(`${site}/burst/${i}`, { headers: SCRIPT }).then((answer) => ({ tab, answer }));
        }),
      );
      assert.deepEqual(answers.map(({ answer }) => answer.status), Array(20).fill(200));
      assert.equal(provider.counts.refreshes - refreshes, 1);
      const access = new Set(answers.map(({ answer }) => header(JSON.parse(answer.body), "x-forwarded-access-token")[0]));
      assert.equal(access.size, 1, "all of them waited for the same answer");
      // Whichever answer the browser read last, the session goes on from it.
      await delay((TOKEN_LIFE + 0.6) * 1000);
      const last = answers.at(-1).tab;
      assert.equal((await last.request(`${site}/later`, { headers: SCRIPT })).status, 200);
      assert.equal(provider.counts.refreshes - refreshes, 2);
      assert.equal(provider.counts.revoked, 0);
    });

    test("signed out is signed out, also for who kept the cookies", async () => {
      const client = new Client();
      await signIn(client, `${site}/`);
      const thief = client.copy();
      assert.equal((await client.request(`${site}/x`, { headers: SCRIPT })).status, 200);
      const page = await client.open(`${site}/oauth2/sign_out`, { headers: { "sec-fetch-site": "same-origin" } });
      assert.equal(new URL(page.url).origin, provider.issuer, "on to the provider's own sign-out");
      assert.equal((await client.request(`${site}/x`, { headers: SCRIPT })).status, 401);
      // Its button stands outside its form.
      page.body = page.body.replace("</form>", '<input name="logout"></form>');
      const back = await client.submit(page, { logout: "yes" });
      assert.equal(new URL(back.url).pathname, "/oauth2/signed_out");
      assert.match(back.body, /oauth2\/start\?rd=/);
      // Nobody is signed in again unawares: the provider asks who it is.
      const asked = await client.open(`${site}/x`);
      assert.match(asked.body, /name="login"/);
      const refused = await thief.request(`${site}/x`, { headers: SCRIPT });
      assert.equal(refused.status, 401);
      assert.match(refused.headers["content-type"], /^application\/problem\+json/);
    });

    test("signed out at the provider is signed out here, and nobody else is", async () => {
      const [client, other] = [new Client(), new Client()];
      provider.counts.told.length = 0;
      await signIn(client, `${site}/`);
      await signIn(other, `${site}/`);
      const page = await signOutAtProvider(client, provider.issuer);
      assert.ok(page.status < 400, page.body);
      assert.deepEqual(provider.counts.told, ["success"]);
      assert.equal((await client.request(`${site}/x`, { headers: SCRIPT })).status, 401);
      assert.equal((await other.request(`${site}/x`, { headers: SCRIPT })).status, 200);
      const again = await client.open(`${site}/`);
      assert.ok(again.url.startsWith(provider.issuer), "a page load goes to the provider, which asks who it is");
    });

    test("the provider refused nothing and revoked nothing but what was asked", () => {
      assert.ok(provider.counts.revocations >= 1, "refresh token and access token of the sign-out");
      assert.equal(provider.counts.refused, 0);
    });
  });
}

describe("a certified provider that demands pushed requests of a client that signs", () => {
  let application, provider, gate, site, browser;

  before(async () => {
    const port = await freePort();
    site = `http://localhost:${port}`;
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const file = join(temporaryFolder(), "signing.pem");
    writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }));
    application = await startApplication();
    provider = await startCertifiedProvider({
      redirectUris: [`${site}/oauth2/callback`],
      postLogoutRedirectUris: [`${site}/oauth2/signed_out`],
      clientKeys: { keys: [{ ...publicKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: "mine" }] },
      demandPushed: true,
      accessTokenSeconds: TOKEN_LIFE,
    });
    gate = await startGate(
      `public_url = "${site}"
upstream = "${application.address}"
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-key"
client_auth = "private_key_jwt"
signing_key_file = "${file}"
signing_key_id = "mine"
[session]
keys = ["${freshKey()}"]
`,
      { port },
    );
    browser = await startBrowser();
  });

  after(async () => {
    await browser?.close();
    await gate?.stop();
    await provider?.close();
    await application?.close();
  });

  test("the client signs each call: pushed request, code, refresh, revocation", async () => {
    const client = new Client();
    const start = await client.request(`${site}/deep`, { headers: { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" } });
    assert.deepEqual([...new URL(start.headers.location).searchParams.keys()], ["client_id", "request_uri"]);
    await signIn(client, `${site}/deep`);
    await delay((TOKEN_LIFE + 0.6) * 1000);
    assert.equal((await client.request(`${site}/x`, { headers: SCRIPT })).status, 200);
    assert.deepEqual([provider.counts.pushed, provider.counts.codes, provider.counts.refreshes], [2, 1, 1]);
    await client.open(`${site}/oauth2/sign_out`, { headers: { "sec-fetch-site": "same-origin" } });
    for (let waited = 0; provider.counts.revocations < 2 && waited < 50; waited += 1) await delay(100);
    assert.equal(provider.counts.revocations, 2);
    assert.equal(provider.counts.refused, 0);
  });

  test("a real browser is led through the provider's own sign-out and back, also from the page that asks first", async () => {
    const context = await person(browser);
    const page = await context.newPage();
    await page.goto(`${site}/deep`);
    await page.locator("input[name=login]").fill("bat");
    await page.locator("input[name=password]").fill("any");
    await page.locator("button[type=submit]").click();
    await page.locator("button[type=submit]").click();
    await page.waitForURL(`${site}/deep`);
    // A link on another site: the gate asks first, and the form's POST is redirected beyond its origin.
    await page.goto("about:blank");
    await page.setContent(`<a id="out" href="${site}/oauth2/sign_out?rd=/deep">out</a>`);
    await page.locator("#out").click();
    await page.waitForURL(/\/oauth2\/sign_out/);
    await page.locator("form[method=post] button").click();
    await page.waitForURL(new RegExp(`^${provider.issuer}/session/end`));
    await page.locator("button[name=logout]").click();
    await page.waitForURL(/\/oauth2\/signed_out\?/);
    assert.equal(provider.counts.ended, 1);
    // The provider has no session: the next page load asks who it is.
    await page.goto(`${site}/deep`);
    await page.locator("input[name=login]").waitFor();
    await context.close();
  });
});
