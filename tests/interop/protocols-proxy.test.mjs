// The PROXY protocol, as HAProxy, nginx and curl write it (docs/protocols.md).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { until } from "../e2e/support/processes.mjs";
import { startHaproxy, startNginxStream } from "./protocols/fronts.mjs";
import { section } from "./protocols/page.mjs";
import { startNodeHttp1 } from "./protocols/site.mjs";
import { startGateBefore } from "./protocols/world.mjs";

const run = promisify(execFile);
/** All on this machine: whom the gate trusts, and who asks. */
const [BALANCER, PERSON] = ["127.0.0.9", "127.0.0.2"];

const page = section("PROXY protocol", {
  note: `\`trusted_proxies\` has ${BALANCER} alone. curl asks from the address in the second column; the server is told in \`X-Forwarded-For\` who asked.`,
  columns: ["who connects to the gate", "curl from", "writes", "speaks", "status", "X-Forwarded-For"],
  keys: 4,
});

describe("the PROXY protocol", () => {
  let server, gate, haproxy, nginx;

  before(async () => {
    server = await startNodeHttp1();
    gate = await startGateBefore([["node", `http://127.0.0.1:${server.port}`]], { head: `proxy_protocol = true\ntrusted_proxies = ["${BALANCER}/32"]` });
    const to = `server gate 127.0.0.1:${gate.port} source ${BALANCER}`;
    haproxy = await startHaproxy({
      v1: ["mode tcp", `${to} send-proxy`],
      v2: ["mode tcp", `${to} send-proxy-v2`],
      // With a check, which is LOCAL: where it is refused, HAProxy sends nobody on.
      tlvs: ["mode tcp", "option httpchk GET /node/public/check", `http-check send ver HTTP/1.1 hdr Host localhost:${gate.port}`,
        `${to} send-proxy-v2 proxy-v2-options crc32c,unique-id check check-send-proxy inter 100ms fall 1 rise 1`],
      http: ["mode http", `${to} send-proxy-v2`],
    });
    nginx = await startNginxStream({ to: gate.port, from: BALANCER });
  });

  after(async () => {
    await nginx?.stop();
    await haproxy?.stop();
    await gate?.stop();
    await server?.stop();
  });

  /** Resolves to { status, told }; status "closed" where there is no answer. */
  async function curl(port, from, ...flags) {
    const address = `http://localhost:${gate.port}/node/public/tell`;
    const args = ["-sS", "--interface", from, "--connect-to", `localhost:${gate.port}:127.0.0.1:${port}`, "-w", "\n%{http_code}", ...flags, address];
    const outcome = await run("curl", args, { timeout: 10_000 }).catch((error) => error);
    const [body, status] = outcome.stdout.split("\n");
    return status === "200" ? { status: 200, told: JSON.parse(body).forwarded } : { status: status === "000" ? "closed" : Number(status) };
  }

  const rows = [
    ["HAProxy, tcp", "version 1", () => haproxy.ports.v1],
    ["HAProxy, tcp", "version 2", () => haproxy.ports.v2],
    ["HAProxy, tcp", "version 2, CRC-32C, unique ID, LOCAL checks", () => haproxy.ports.tlvs],
    ["HAProxy, http", "version 2", () => haproxy.ports.http],
    ["nginx, stream", "version 1", () => nginx.port],
  ];
  for (const [who, writes, port] of rows) {
    test(`${who} says in ${writes} who asks`, async () => {
      // While a check has not passed, HAProxy itself closes.
      const { status, told } = await until(async () => {
        const answer = await curl(port(), PERSON);
        return answer.status !== "closed" && answer;
      }, 10_000, "an answer");
      assert.equal(status, 200);
      assert.equal(told, PERSON);
      page.row(who, PERSON, writes, "HTTP/1.1", status, told);
    });
  }

  test("HAProxy's check is HAProxy's, and passes", async () => {
    const checked = new RegExp(`"path":"/node/public/check","status":200.*"client":"${BALANCER}"`);
    await until(async () => checked.test(gate.gate.output()), 10_000, "a check");
    assert.equal((await curl(haproxy.ports.tlvs, PERSON)).status, 200);
    assert.doesNotMatch(gate.gate.output(), /proxy_header_(missing|bad|late|untrusted)/);
  });

  const own = [
    [BALANCER, "version 1", ["--haproxy-protocol"], { status: 200, told: BALANCER }],
    [BALANCER, "nothing", [], { status: "closed" }],
    [PERSON, "version 1", ["--haproxy-protocol"], { status: "closed" }],
    [PERSON, "nothing", [], { status: 200, told: PERSON }],
  ];
  for (const [from, writes, flags, expected] of own) {
    test(`curl from ${from} writes ${writes}: ${expected.status}`, async () => {
      const answer = await curl(gate.port, from, ...flags);
      assert.deepEqual(answer, expected);
      page.row("curl", from, writes, "HTTP/1.1", answer.status, answer.told ?? "–");
    });
  }

  test("docs/protocols.md says what this came to", () => page.settle());
});
