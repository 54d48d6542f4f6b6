// The demo as a person meets it, in a real browser: from the first click to sign-out.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { person, picture, startBrowser } from "./support/browser.mjs";
import { startDemo } from "./support/gate.mjs";

const DEEP = "/deep/%D1%85%D1%83%D1%83%D0%B4%D0%B0%D1%81/a%2Fb?with=a%20query&and=x%2Fy&again=1&again=2;3";
const UNURMAA = "Өнөрмаа Түвшинжаргал";

describe("the demo, in a browser", () => {
  let browser, demo;

  before(async () => {
    [browser, demo] = await Promise.all([startBrowser(), startDemo()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  /** On the stand-in's page: choose somebody, and allow or refuse. */
  async function choose(page, name, decision = "allow") {
    await page.waitForURL(/\/oauth2\/authorize\?/);
    await page.getByText(name, { exact: true }).click();
    await page.locator(`button[name=decision][value=${decision}]`).click();
  }

  async function signedIn(address = "/", options = {}) {
    const context = await person(browser, options);
    const page = await context.newPage();
    await page.goto(demo.address + address);
    await choose(page, UNURMAA);
    await page.waitForURL(demo.address + address);
    return { context, page };
  }

  test("somebody follows a deep link, signs in with TOKI, and is back at the very same address", async () => {
    const context = await person(browser);
    const page = await context.newPage();
    await page.goto(demo.address + DEEP);
    assert.match(await page.title(), /TOKI/);
    await picture(page, "1-choose");
    await choose(page, UNURMAA);
    await page.waitForURL(demo.address + DEEP);
    assert.equal(await page.locator("#target").textContent(), DEEP, "byte for byte, also as the application saw it");
    assert.equal(await page.locator("#name").textContent(), UNURMAA);
    assert.equal(await page.locator("#user").textContent(), "100003");
    assert.equal(await page.locator("#email").textContent(), "unurmaa@example.mn");
    assert.deepEqual(await page.locator("#groups .tag").allTextContents(), ["staff", "Санхүү, тайлан"]);
    await picture(page, "2-deep");
    await context.close();
  });

  test("the application sees the identity and none of the gate's cookies; scripts cannot read them either", async () => {
    const { context, page } = await signedIn();
    const headers = Object.fromEntries(
      await page.locator("#headers tr").evaluateAll((rows) => rows.map((row) => [row.cells[0].textContent.toLowerCase(), row.cells[1].textContent])),
    );
    assert.equal(headers["x-forwarded-user"], "100003");
    assert.equal(headers["x-forwarded-proto"], "http");
    assert.equal(headers["x-forwarded-host"], new URL(demo.address).host);
    assert.ok(headers["x-request-id"]);
    assert.ok(!(headers.cookie ?? "").includes("tokigate"));
    assert.equal(await page.evaluate(() => document.cookie), "");
    const kept = await context.cookies();
    assert.ok(kept.some((cookie) => cookie.name.startsWith("tokigate-")), "there is a session");
    for (const cookie of kept.filter(({ name }) => name.startsWith("tokigate-"))) {
      assert.ok(cookie.httpOnly && cookie.sameSite === "Lax" && cookie.path === "/" && cookie.expires > 0, JSON.stringify(cookie));
    }
    await picture(page, "3-home");
    await context.close();
  });

  test("WebSocket, server-sent clock, fetch, upload and form work through the gate", async () => {
    const { context, page } = await signedIn();
    const says = (id, pattern) => page.locator(id).filter({ hasText: pattern }).waitFor();

    await says("#socket", /open/);
    await page.fill("#words", "Юу байна?");
    await page.getByRole("button", { name: "Say" }).click();
    await says("#socket", /← Юу байна\?/);
    await page.click("#hang");
    await says("#socket", /closed, code 1000/);

    await says("#clock-state", /event \d+/);
    const first = await page.locator("#clock-state").textContent();
    await page.waitForFunction((text) => document.querySelector("#clock-state").textContent !== text, first);

    await page.click("#fetch");
    await says("#fetched", /^200 /);
    await page.click("#upload-some");
    await says("#uploaded", /^200 .*10000000/);
    await page.setInputFiles("#file", { name: "бичиг.txt", mimeType: "text/plain", buffer: Buffer.from("Сайн байна уу") });
    await page.click("#upload");
    await says("#uploaded", /^200 .*\b24\b/);

    await page.getByRole("link", { name: "A form" }).click();
    await page.fill("[name=greeting]", "Баярлалаа & баяртай = ok");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("#fields").waitFor();
    assert.match(await page.locator("#fields").textContent(), /Баярлалаа & баяртай = ok/);
    await context.close();
  });

  test("a refresh on request gives the token its whole life again", async () => {
    const { context, page } = await signedIn();
    const session = () => page.evaluate(async () => (await fetch("/oauth2/session")).json());
    const before = await session();
    assert.equal(before.active, true);
    assert.equal(before.user, "100003");
    assert.equal(before.refreshable, true);
    await page.waitForTimeout(2_000);
    await page.click("#refresh");
    await page.locator("#story").filter({ hasText: /asked for a refresh: 200/ }).waitFor();
    const later = await session();
    assert.ok(later.token_expires_in_seconds >= before.token_expires_in_seconds - 1, JSON.stringify({ before, later }));
    assert.equal(later.expires_at, before.expires_at, "the session itself does not grow longer");
    await context.close();
  });

  test("a page that is left open refreshes its token before it expires, unseen", { timeout: 120_000 }, async () => {
    const { context, page } = await signedIn();
    const seen = [];
    const end = Date.now() + 75_000;
    // The page asks /session every five seconds; so does this, beside it.
    while (Date.now() < end) {
      const answer = await page.evaluate(async () => {
        const answer = await fetch("/oauth2/session");
        return { status: answer.status, ...(await answer.json()) };
      });
      assert.equal(answer.status, 200, "never without a session");
      seen.push(answer.token_expires_in_seconds);
      if (seen.length > 1 && seen.at(-1) > seen.at(-2) + 20) break;
      await page.waitForTimeout(1_000);
    }
    assert.ok(seen.at(-1) > seen.at(-2) + 20, `the token's time never rose again: ${seen}`);
    assert.ok(Math.min(...seen) >= 0, `it had not expired: ${seen}`);
    assert.equal(page.url(), `${demo.address}/`);
    await page.locator("#story").filter({ hasText: /refreshed/ }).waitFor();
    await picture(page, "4-refreshed");
    await context.close();
  });

  test("signed out stays signed out on every page load, until the button is pressed", async () => {
    const { context, page } = await signedIn();
    await page.click("#sign-out");
    await page.waitForLoadState();
    const offered = page.locator("main a, main button");
    assert.equal(await offered.count(), 1, "one button, nothing else to press");
    await picture(page, "5-signed-out");
    for (const path of ["/", "/deep/page?x=1"]) {
      await page.goto(demo.address + path);
      assert.equal(new URL(page.url()).origin, demo.address, "no silent sign-in");
      assert.equal(await page.locator("#name").count(), 0);
      assert.equal(await offered.count(), 1);
    }
    await offered.click();
    // TOKI would have let this browser in unasked; the button makes it ask.
    await choose(page, "Сараа Ганболд");
    await page.waitForURL(`${demo.address}/deep/page?x=1`);
    assert.equal(await page.locator("#name").textContent(), "Сараа Ганболд");
    await context.close();
  });

  test("two tabs sign in at once and finish in reverse order", async () => {
    const context = await person(browser);
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.goto(`${demo.address}/deep/first?tab=1`);
    await second.goto(`${demo.address}/deep/second?tab=2`);
    await choose(second, "Anna Smith");
    await second.waitForURL(`${demo.address}/deep/second?tab=2`);
    await choose(first, "Anna Smith");
    await first.waitForURL(`${demo.address}/deep/first?tab=1`);
    for (const page of [second, first]) {
      await page.reload();
      assert.equal(await page.locator("#name").textContent(), "Anna Smith");
    }
    await context.close();
  });

  test("a refused consent says what happened and offers to try again", async () => {
    const context = await person(browser);
    const page = await context.newPage();
    await page.goto(`${demo.address}/deep/wanted?x=1`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().includes("/oauth2/callback")),
      choose(page, "Anna Smith", "refuse"),
    ]);
    assert.equal(answer.status(), 403);
    await page.waitForLoadState();
    await picture(page, "6-refused");
    await page.locator("main a, main button").filter({ hasText: /again|дахин/i }).first().click();
    await choose(page, "Anna Smith");
    await page.waitForURL(`${demo.address}/deep/wanted?x=1`);
    await context.close();
  });

  test("without scripts it works too: sign-in, form, sign-out", async () => {
    const { context, page } = await signedIn("/form", { javaScriptEnabled: false });
    await page.getByRole("button", { name: "Send" }).click();
    assert.match(await page.locator("#fields").textContent(), /Сайн байна уу/);
    await page.goto(`${demo.address}/`);
    await page.click("#sign-out");
    await page.goto(`${demo.address}/form`);
    const again = page.locator("main a, main button");
    assert.equal(await again.count(), 1);
    await picture(page, "7-signed-out-without-scripts");
    await again.click();
    await choose(page, UNURMAA);
    await page.waitForURL(`${demo.address}/form`);
    await context.close();
  });

  test("a script without a session gets a problem, not a redirect, and starts no sign-in", async () => {
    const context = await person(browser);
    const page = await context.newPage();
    await page.goto(`${demo.address}/public/page`);
    const told = await page.evaluate(async () => {
      const answer = await fetch("/api/time");
      return { status: answer.status, redirected: answer.redirected, type: answer.headers.get("content-type"), body: await answer.json() };
    });
    assert.equal(told.status, 401);
    assert.equal(told.redirected, false);
    assert.match(told.type, /^application\/problem\+json/);
    assert.equal(told.body.login_url, `${demo.address}/oauth2/start`);
    assert.deepEqual(await context.cookies(), []);
    const socket = await page.evaluate(() => new Promise((resolve) => {
      const socket = new WebSocket(`ws://${location.host}/ws`);
      socket.onopen = () => resolve("open");
      socket.onerror = () => resolve("refused");
    }));
    assert.equal(socket, "refused");
    await context.close();
  });
});
