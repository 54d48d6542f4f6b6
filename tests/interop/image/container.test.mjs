// The image as it is shipped: configured by its environment alone, hardened as far as a cluster would.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startApplication } from "../../e2e/support/application.mjs";
import { Client, SCRIPT } from "../../e2e/support/client.mjs";
import { delay, freePort, until } from "../../e2e/support/processes.mjs";
import { IMAGE, podman, settings, startContainer } from "./podman.mjs";

const CLIENT_ID = "9c6dbbd8-0000-4000-8000-000000000000";
const ok = async (url) => (await new Client().request(url)).status === 200;

describe("a container on a network of its own", () => {
  let container, port, admin;

  before(async () => {
    port = await freePort();
    admin = await freePort();
    container = await startContainer([
      "--publish", `127.0.0.1:${port}:4180`, "--publish", `127.0.0.1:${admin}:4181`,
      ...settings({ PUBLIC_URL: `http://localhost:${port}`, UPSTREAM: "http://127.0.0.1:3000", PROVIDER__CLIENT_ID: CLIENT_ID }),
    ]);
    await until(() => ok(`http://127.0.0.1:${admin}/healthz`), 20_000, "/healthz").catch(async (error) => {
      throw new Error(`${error.message}\n${await container.logs()}`);
    });
  });
  after(() => container?.remove());

  test("listens on all addresses, is alive and ready", async () => {
    assert.ok(await ok(`http://127.0.0.1:${admin}/readyz`));
    assert.ok(await ok(`http://127.0.0.1:${admin}/metrics`));
  });

  test("sends a page load to TOKI, and a script a 401", async () => {
    const page = await new Client().request(`http://localhost:${port}/x?y=1`, { headers: { accept: "text/html" } });
    assert.equal(page.status, 302);
    const asked = new URL(page.headers.location);
    assert.equal(asked.origin + asked.pathname, "https://sso.toki.mn/oauth2/authorize");
    assert.equal(asked.searchParams.get("client_id"), CLIENT_ID);
    assert.equal(asked.searchParams.get("redirect_uri"), `http://localhost:${port}/oauth2/callback`);
    assert.equal((await new Client().request(`http://localhost:${port}/x`, { headers: SCRIPT })).status, 401);
  });

  test("is nobody, and can become nobody else", async () => {
    const status = await container.status();
    assert.match(status.Uid, /^65532\b/);
    assert.match(status.Gid, /^65532\b/);
    assert.equal(BigInt(`0x${status.CapEff}`), 0n);
    assert.equal(status.NoNewPrivs, "1");
  });

  test("answers its own health check, and has no shell", async () => {
    await podman("exec", container.id, "/tokigate", "healthcheck");
    await assert.rejects(podman("exec", container.id, "/bin/sh", "-c", "true"));
  });
});

describe("a container that is stopped", () => {
  let container, application;
  after(async () => {
    await container?.remove();
    await application?.close();
  });

  test("finishes what runs, then goes with status 0", async () => {
    application = await startApplication();
    const port = await freePort();
    const admin = await freePort();
    container = await startContainer([
      "--network=host",
      ...settings({
        LISTEN: `127.0.0.1:${port}`, ADMIN_LISTEN: `127.0.0.1:${admin}`, PUBLIC_URL: `http://localhost:${port}`, UPSTREAM: application.address,
        PROVIDER__CLIENT_ID: CLIENT_ID, RULES: '[{path="/**",access="public"}]', SHUTDOWN__DELAY: "1s", SHUTDOWN__DRAIN: "10s",
      }),
    ]);
    await until(() => ok(`http://127.0.0.1:${admin}/readyz`), 20_000, "/readyz");
    // 100 events, 40 ms apart: still running when the stop comes, over before the drain is.
    const events = new Client().request(`http://localhost:${port}/events?n=100`);
    await delay(500);
    const began = Date.now();
    const stopped = podman("stop", "--time=20", container.id);
    await until(async () => !(await ok(`http://127.0.0.1:${admin}/readyz`)), 5_000, "readiness to end");
    const answer = await events;
    assert.equal(answer.body.match(/^data: /gm).length, 100, "no event was lost");
    await stopped;
    const took = Date.now() - began;
    assert.ok(took < 12_000, `stopped after ${took} ms`);
    assert.equal(await podman("inspect", container.id, "--format", "{{.State.ExitCode}}"), "0");
  });
});

test("a mistake in the configuration ends the container with status 2 and says what to mend", async () => {
  const refused = await podman("run", "--rm", ...settings({ PUBLIC_URL: "http://app.example.mn" }), IMAGE).then(
    () => assert.fail("it started"),
    (error) => error,
  );
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /public_url/);
  assert.match(refused.stderr, /client_id/);
});
