// `[cors]` as a browser takes it: pages of other origins whose scripts use the application behind the gate.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { person, startBrowser } from "./support/browser.mjs";
import { BINARY, freshKey, startGate } from "./support/gate.mjs";
import { freePort, start } from "./support/processes.mjs";

/** An address of its own with an empty page, so that its scripts are those of another origin. */
async function startPage(host) {
  const server = http.createServer((request, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>page</title>"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://${host}:${server.address().port}`, close: () => server.close() };
}

describe("scripts of other origins, in a browser", () => {
  let browser, gate, provider, application, site, context, page;
  let friend, evil, crossSite;
  const seen = [];

  before(async () => {
    // Ports are no part of a site: the first two are other origins of the gate's site, the third is another site.
    [friend, evil, crossSite] = await Promise.all([startPage("localhost"), startPage("localhost"), startPage("127.0.0.1")]);
    // What an application does that shares its API with its friends.
    const server = http.createServer((request, response) => {
      const { method, url, headers } = request;
      seen.push({ method, url, user: headers["x-forwarded-user"] });
      if ([friend.origin, crossSite.origin].includes(headers.origin)) {
        response.setHeader("access-control-allow-origin", headers.origin);
        response.setHeader("access-control-allow-credentials", "true");
        response.setHeader("access-control-allow-methods", "PUT");
        response.setHeader("access-control-allow-headers", "content-type");
      }
      request.resume().on("end", () => response.end(method === "OPTIONS" ? undefined : `${method} by ${headers["x-forwarded-user"]}`));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    application = server;

    const [port, providerPort] = [await freePort(), await freePort()];
    site = `http://localhost:${port}`;
    provider = await start(BINARY, ["provider", "--listen", `127.0.0.1:${providerPort}`], { ready: /Ctrl-C ends it/, name: "tokigate provider" });
    const at = (path) => `http://127.0.0.1:${providerPort}/oauth2/${path}`;
    gate = await startGate(
      `public_url = "${site}"
upstream = "http://127.0.0.1:${server.address().port}"
[provider]
client_id = "any"
authorization_endpoint = "${at("authorize")}"
token_endpoint = "${at("token")}"
userinfo_endpoint = "${at("userinfo?userId={userId}")}"
[session]
keys = ["${freshKey()}"]
[cors]
origins = ["${friend.origin}", "${crossSite.origin}"]
`,
      { port },
    );
    browser = await startBrowser();
    context = await person(browser);
    page = await context.newPage();
    await page.goto(`${site}/home`);
    await page.waitForURL(/\/oauth2\/authorize\?/);
    await page.locator("input[name=user]").first().check();
    await page.locator("button[name=decision][value=allow]").click();
    await page.waitForURL(`${site}/home`);
  });

  after(async () => {
    await browser?.close();
    await gate?.stop();
    await provider?.stop();
    application?.closeAllConnections();
    application?.close();
    for (const other of [friend, evil, crossSite]) other?.close();
  });

  /** A script of a page of that origin; what it could read, or "kept from it". */
  async function script(origin, path, options = {}, within = page) {
    await within.goto(origin);
    return within.evaluate(
      async ([address, init]) => {
        try {
          const response = await fetch(address, { credentials: "include", ...init });
          const json = (response.headers.get("content-type") ?? "").includes("json");
          return { status: response.status, id: response.headers.get("x-request-id"), body: json ? await response.json() : await response.text() };
        } catch {
          return "kept from it";
        }
      },
      [site + path, options],
    );
  }

  /** A browser asks for an icon by itself, when it likes. */
  const of = (path) => ({ url }) => url === path;
  const put = { method: "PUT", headers: { "content-type": "application/json" }, body: "{}" };

  test("a listed origin of the same site works in the user's name, also what is preflighted", async () => {
    seen.length = 0;
    assert.match((await script(friend.origin, "/api")).body, /^GET by 1000\d\d$/);
    const answer = await script(friend.origin, "/api", put);
    assert.equal(answer.status, 200);
    assert.match(answer.body, /^PUT by 1000\d\d$/);
    const [, preflight, request] = seen.filter(of("/api"));
    assert.deepEqual([preflight.method, preflight.user], ["OPTIONS", undefined], "the preflight is nobody's");
    assert.equal(request.method, "PUT");
  });

  test("an origin that is not listed can neither preflight nor read", async () => {
    seen.length = 0;
    assert.equal(await script(evil.origin, "/api", put), "kept from it");
    assert.deepEqual(seen.filter(of("/api")), [], "no preflight of it reaches the application");
    assert.equal(await script(evil.origin, "/oauth2/session"), "kept from it");
    const stranger = await (await person(browser)).newPage();
    assert.equal(await script(evil.origin, "/api", {}, stranger), "kept from it");
    await stranger.context().close();
  });

  test("a listed origin reads why it was refused, and where a sign-in begins", async () => {
    const stranger = await (await person(browser)).newPage();
    for (const options of [{}, put]) {
      const refused = await script(friend.origin, "/api", options, stranger);
      assert.equal(refused.status, 401);
      assert.equal(refused.body.login_url, `${site}/oauth2/start`);
      assert.ok(refused.id, "the request's id can be read");
    }
    await stranger.context().close();
  });

  test("it asks the gate about the session, with a header of its own", async () => {
    const session = await script(friend.origin, "/oauth2/session", { headers: { "x-requested-with": "XMLHttpRequest" } });
    assert.equal(session.body.active, true);
    const refreshed = await script(friend.origin, "/oauth2/refresh", { method: "POST", headers: { "x-csrf": "1" } });
    assert.equal(refreshed.status, 200);
  });

  test("from another site no cookie comes along, listed or not: 401, which the listed one reads", async () => {
    const refused = await script(crossSite.origin, "/api");
    assert.equal(refused.status, 401);
    assert.equal(refused.body.login_url, `${site}/oauth2/start`);
  });
});
