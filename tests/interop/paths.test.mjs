// The path that rules see is the path the application gets: real servers behind the real gate, and targets as an attacker writes them
// (docs/paths.md). PATHS_SECONDS: how long each server is tried; PATHS_SEED: which targets; PATHS_SERVER: part of its name, empty for all.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freshKey, startGate } from "../e2e/support/gate.mjs";
import { freePort } from "../e2e/support/processes.mjs";
import { burst } from "./paths/burst.mjs";
import { SETS, isOpen, isOpenAsSent, toToml } from "./paths/rules.mjs";
import { SERVERS, readTold } from "./paths/servers.mjs";
import { hostileTargets } from "./paths/targets.mjs";

const SECONDS = Number(process.env.PATHS_SECONDS ?? 6);
const SEED = Number(process.env.PATHS_SEED ?? 1);
const ONLY = process.env.PATHS_SERVER;
/** On the slowest server, on a machine that has other things to do. */
const FEWEST = 500;

// Servers that take long to build or to warm up are tried where they are asked for.
for (const server of SERVERS.filter(({ name, slow }) => (ONLY === undefined ? !slow : name.includes(ONLY)))) {
  describe(`${server.name} behind the gate`, { skip: server.missing || false }, () => {
    let application, port, gates;

    before(async () => {
      port = await freePort();
      application = await server.start(port);
      gates = await Promise.all(SETS.map(({ rules }) => gateBefore(port, rules)));
    });

    after(async () => {
      for (const gate of gates ?? []) await gate.stop("SIGKILL");
      await application?.stop("SIGKILL");
    });

    for (const [index, { name, rules }] of SETS.entries()) {
      test(`no stranger gets what is closed, where ${name}; and what gets through is what was sent`, async (t) => {
        const outcome = await ask(gates[index].port, rules, within(SECONDS / SETS.length, hostileTargets(SEED + index)), 16);
        t.diagnostic(`${outcome.sent} targets, ${outcome.through} let through, ${outcome.told} of these told by ${server.name}`);
        assert.deepEqual(outcome.bypasses.slice(0, 10), []);
        assert.deepEqual(outcome.changed.slice(0, 10), []);
        assert.equal(outcome.lost, 0, "every request is answered");
        assert.ok(outcome.sent >= FEWEST, `${outcome.sent} targets`);
        assert.ok(outcome.told >= FEWEST / 100, `${outcome.told} targets got through`);
      });

      test(`these targets are worth sending: a gate that looks at them only as sent is passed, where ${name}`, async (t) => {
        const passed = function* () {
          let left = 600;
          for (const request of hostileTargets(SEED + index)) {
            if (isOpenAsSent(rules, request.method, request.target) && left-- > 0) yield request;
            if (left <= 0) return;
          }
        };
        const { sent, bypasses } = await ask(port, rules, passed());
        t.diagnostic(`${bypasses.length} of ${sent} reach what is closed`);
        assert.ok(bypasses.length > 0, `${bypasses.length} of ${sent}`);
      });
    }

    test("plain public targets are served", async () => {
      const plain = [["/assets/a.css", "/docs/a.html", "/files/x/shared/y", "/api/time?x=1"], ["/", "/assets/a.css", "/api/time", "/x/y/z?a=/admin"]];
      for (const [index, targets] of plain.entries()) {
        const requests = targets.map((target) => ({ method: "GET", target }));
        const outcome = await ask(gates[index].port, SETS[index].rules, requests.values());
        assert.equal(outcome.told, targets.length);
      }
    });
  });
}

async function gateBefore(application, rules) {
  const port = await freePort();
  return startGate(
    `public_url = "http://localhost:${port}"
upstream = "http://127.0.0.1:${application}"
workers = 1
[provider]
client_id = "9c6dbbd8-0000-4000-8000-000000000000"
[session]
keys = ["${freshKey()}"]
[log]
access = false
level = "error"
${toToml(rules)}`,
    { port },
  );
}

/** Sends the requests without a session, and judges what the application made of those that got there. */
async function ask(port, rules, requests, depth = 1) {
  const outcome = { sent: 0, through: 0, told: 0, lost: 0, bypasses: [], changed: [] };
  await burst(port, `localhost:${port}`, requests, ({ method, target }, answer) => {
    outcome.sent += 1;
    if (answer.status === 0) outcome.lost += 1;
    if (/\r\nwww-authenticate: Bearer|\r\ncontent-type: application\/problem\+json/i.test(answer.head)) return;
    outcome.through += 1;
    const told = readTold(answer);
    if (!told) return;
    outcome.told += 1;
    if (told.target !== target.split("#")[0] || told.method !== method) outcome.changed.push({ method, target, told });
    const closed = told.readings.filter(([, path]) => path !== "*" && !isOpen(rules, told.method, path));
    if (closed.length > 0) outcome.bypasses.push(`${method} ${target} is ${closed.map(([reader, path]) => `${path} to ${reader}`).join(", ")}`);
  }, { depth });
  return outcome;
}

function* within(seconds, requests) {
  const end = performance.now() + seconds * 1000;
  for (const request of requests) {
    if (performance.now() > end) return;
    yield request;
  }
}
