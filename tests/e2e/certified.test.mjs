// The `oidc` preset against a provider that nobody here wrote.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { header, startApplication } from "./support/application.mjs";
import { signIn, signOutAtProvider, startCertifiedProvider } from "./support/certified.mjs";
import { Client, SCRIPT } from "./support/client.mjs";
import { freshKey, startGate } from "./support/gate.mjs";
import { delay, freePort } from "./support/processes.mjs";

const TOKEN_LIFE = 4;

for (const algorithm of ["RS256", "ES256"]) {
  describe(`a certified provider that signs with ${algorithm}`, () => {
    let application, provider, gate, site;

    before(async () => {
      const port = await freePort();
      site = `http://localhost:${port}`;
      application = await startApplication();
      provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`], backchannelLogoutUri: `${site}/oauth2/backchannel_logout`,
        accessTokenSeconds: TOKEN_LIFE });
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
      assert.equal(page.status, 200, page.body);
      assert.equal((await client.request(`${site}/x`, { headers: SCRIPT })).status, 401);
      const refused = await thief.request(`${site}/x`, { headers: SCRIPT });
      assert.equal(refused.status, 401);
      assert.match(refused.headers["content-type"], /^application\/problem\+json/);
    });

    test("signed out at the provider is signed out here, and nobody else is", async () => {
      const [client, other] = [new Client(), new Client()];
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
      assert.equal(provider.counts.refused, 0);
    });
  });
}
