// Bodies and events through the gate, with a Node server behind it.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { startApplication } from "../e2e/support/application.mjs";
import { signIn, startCertifiedProvider } from "../e2e/support/certified.mjs";
import { Client, SCRIPT } from "../e2e/support/client.mjs";
import { freshKey, startGate } from "../e2e/support/gate.mjs";
import { freePort } from "../e2e/support/processes.mjs";

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

describe("a Node server behind the gate", () => {
  let application, provider, gate, port, cookie;

  before(async () => {
    port = await freePort();
    const site = `http://localhost:${port}`;
    application = await startApplication();
    provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`], accessTokenSeconds: 3600 });
    gate = await startGate(
      `public_url = "${site}"
upstream = "${application.address}"
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-rs256"
[session]
keys = ["${freshKey()}"]
`,
      { port },
    );
    const client = new Client();
    assert.equal((await signIn(client, `${site}/`)).status, 200);
    cookie = client.cookieHeader("localhost", false);
  });

  after(async () => {
    await gate?.stop();
    await provider?.close();
    await application?.close();
  });

  const open = (options) =>
    http.request({ host: "127.0.0.1", port, agent: false, ...options, headers: { host: `localhost:${port}`, cookie, ...SCRIPT, ...options.headers } });

  const download = (bytes) =>
    new Promise((resolve, reject) => {
      const request = open({ path: `/bytes?n=${bytes}` });
      request.on("error", reject);
      request.on("response", (response) => {
        let got = 0;
        response.on("data", (chunk) => (got += chunk.length));
        response.on("end", () => resolve({ status: response.statusCode, got }));
        response.on("error", reject);
      });
      request.end();
    });

  const upload = (bytes) =>
    new Promise((resolve, reject) => {
      const request = open({ method: "POST", path: "/count", headers: { "content-length": bytes, "content-type": "application/octet-stream" } });
      const block = Buffer.alloc(256 * 1024, "x");
      let left = bytes;
      const go = () => {
        while (left > 0) {
          const part = left >= block.length ? block : block.subarray(0, left);
          left -= part.length;
          if (!request.write(part)) return request.once("drain", go);
        }
        return request.end();
      };
      request.on("error", reject);
      request.on("response", (response) => {
        let body = "";
        response.on("data", (chunk) => (body += chunk));
        response.on("end", () => resolve({ status: response.statusCode, got: JSON.parse(body).bytes }));
      });
      go();
    });

  for (const [what, move] of [["down", download], ["up", upload]]) {
    test(`1 GiB ${what} takes less than 16 MiB more memory`, { timeout: 120_000 }, async () => {
      await move(8 * MIB);
      const before = gate.memory();
      before.forget();
      assert.deepEqual(await move(GIB), { status: 200, got: GIB });
      const more = gate.memory().peak - before.now;
      console.log(`1 GiB ${what}: ${(more / MIB).toFixed(1)} MiB more memory`);
      assert.ok(more < 16 * MIB, `${more} bytes more`);
    });
  }

  test("an event arrives within 50 ms of being sent", async () => {
    const delays = await new Promise((resolve, reject) => {
      const request = open({ path: "/events?n=50", headers: { accept: "text/event-stream" } });
      const arrived = [];
      request.on("error", reject);
      request.on("response", (response) => {
        response.on("data", (chunk) => {
          for (const [, sent] of String(chunk).matchAll(/data: (\d+)/g)) arrived.push(Date.now() - Number(sent));
        });
        response.on("end", () => resolve(arrived));
      });
      request.end();
    });
    assert.equal(delays.length, 50);
    delays.sort((a, b) => a - b);
    console.log(`events took ${delays[25]} ms in the middle, ${delays[49]} ms at most`);
    // A buffer anywhere would hold all of them back; a busy machine may hold back a few.
    assert.ok(delays[40] < 50, `delays in ms: ${delays}`);
  });
});
