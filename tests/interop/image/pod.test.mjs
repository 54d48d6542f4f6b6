// The pod of deploy/kubernetes, played by podman: the gate and the application share loopback, and only the gate is reachable.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client } from "../../e2e/support/client.mjs";
import { freePort, temporaryFolder, until } from "../../e2e/support/processes.mjs";
import { IMAGE, podman } from "./podman.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

describe("the gate as a sidecar", () => {
  let manifest, gate, admin;

  before(async () => {
    gate = await freePort();
    admin = await freePort();
    const python = join(ROOT, "tests/.cache/venv/bin/python");
    const pod = execFileSync(python, ["tests/interop/image/pod.py", IMAGE, String(gate), String(admin)], { cwd: ROOT });
    manifest = join(temporaryFolder(), "pod.yaml");
    writeFileSync(manifest, pod);
    await podman("kube", "play", manifest);
  });
  after(() => podman("kube", "down", manifest));

  const ask = (path, headers = {}) => new Client().request(`http://127.0.0.1:${gate}${path}`, { headers: { host: "app.example.mn", ...headers } });

  test("starts with the ConfigMap and the key file, and every probe of the manifest is answered", async () => {
    for (const path of ["/healthz", "/readyz"]) {
      const answered = async () => (await new Client().request(`http://127.0.0.1:${admin}${path}`)).status === 200;
      await until(answered, 20_000, path).catch(async (error) => {
        throw new Error(`${error.message}\n${await podman("logs", "tokigate-test-tokigate")}`);
      });
    }
  });

  test("stands before the application: a stranger is sent to TOKI with the https address", async () => {
    const page = await ask("/", { accept: "text/html" });
    assert.equal(page.status, 302);
    assert.equal(new URL(page.headers.location).searchParams.get("redirect_uri"), "https://app.example.mn/oauth2/callback");
    assert.ok(page.setCookies.every((line) => line.startsWith("__Host-") && /; Secure/.test(line)), page.setCookies.join("\n"));
  });

  test("reaches the application over the pod's loopback", async () => {
    const answer = await ask("/public/nothing-here");
    assert.equal(answer.status, 404, "the stand-in's own answer, not a 502");
  });
});
