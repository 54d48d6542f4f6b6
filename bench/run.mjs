// Runs every contestant at once and loads them in turns, in slices so short that the machine's moods hit all of them alike.
import { parseArgs } from "node:util";
import { WIRES, startContestants } from "./contestants.mjs";
import { handshakes, requests } from "./measure.mjs";
import { perConnection } from "./memory.mjs";

const { values: options } = parseArgs({
  options: { smoke: { type: "boolean" }, noisy: { type: "boolean" }, rounds: { type: "string", default: "7" }, seconds: { type: "string", default: "0.7" } },
});
const ROUNDS = options.smoke ? 1 : Number(options.rounds);
const MILLISECONDS = options.smoke ? 200 : Number(options.seconds) * 1000;
const CONNECTIONS = options.smoke ? 20 : 1000;
// Below these a slice is measured again: the proxy must be what limits it, and have its core to itself.
const SATURATED = 0.9;
const FOREIGN = 0.05;
const TRIES = 30;

const contestants = await startContestants();
const memory = await memoryOfEach();
const tables = [...WIRES.map(tableOf), ...[false, true].map(handshakeTable)];
const rows = tables.flatMap((table) => table.rows);
for (const row of rows) await row.slice();
const rounds = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const figures = new Map();
  for (const row of round % 2 ? rows.toReversed() : rows) figures.set(row, await settled(row));
  rounds.push(figures);
}
print();
await contestants.stop();

/** What is measured of a wire; `bases` name the first rows, with which all are compared. */
function tableOf(wire) {
  const [nginx, gate] = [contestants.nginx(wire), contestants.gate(wire)];
  const row = (name, proxy, { cookie, path = "/page?x=1" } = {}) => ({ name, limits: true, slice: () => requests(wire, proxy, { path, cookie }, MILLISECONDS) });
  return {
    name: wire.name,
    bases: ["to nginx, no cookie", "to nginx, same bytes"],
    rows: [
      row("nginx, no cookie", nginx),
      row("nginx, the session's cookies passed on", nginx, nginx),
      row("tokigate, signed in", gate, gate),
      row("tokigate, a public path without cookies", gate, { path: "/public/x" }),
    ],
  };
}

/** One client after another: the proxy is not what limits it, and need not be. */
function handshakeTable(resumed) {
  const wire = WIRES.find(({ secure }) => secure);
  const row = (name, proxy) => ({ name, limits: false, slice: () => handshakes(proxy, resumed) });
  return { name: `TLS handshakes, ${resumed ? "resumed" : "full"}`, bases: ["to nginx"], rows: [row("nginx", contestants.nginx(wire)), row("tokigate", contestants.gate(wire))] };
}

/** A slice in which the proxy was the bottleneck and alone on its core; rather no figure than one that is not of the proxy. */
async function settled(row) {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const figure = await row.slice();
    const saturated = !row.limits || figure.busy >= SATURATED;
    if (options.smoke || options.noisy || (saturated && figure.foreign <= FOREIGN)) return figure;
  }
  console.error(`the machine is too noisy for a figure (${row.name})`);
  process.exit(1);
}

async function memoryOfEach() {
  const held = [];
  const figures = [];
  for (const wire of WIRES) {
    const of = (proxy) => perConnection(wire, proxy, CONNECTIONS, held);
    figures.push({ wire, nginx: await of(contestants.nginx(wire)), gate: await of(contestants.gate(wire)) });
  }
  for (const close of held) close();
  return figures;
}

function print() {
  const cookies = WIRES.slice(0, 2).map((wire) => contestants.gate(wire).cookie.length);
  console.log(`${ROUNDS} rounds of ${MILLISECONDS} ms, 64 requests under way, one core for the proxy; the session's cookies are ${cookies.join(" or ")} bytes`);
  for (const table of tables) {
    console.log(`\n### ${table.name}\n`);
    console.log(`| | CPU µs each (least..most) | ${table.bases.join(" | ")} | a second | busy |`);
    console.log(`|---|---|${"---|".repeat(table.bases.length)}---|---|`);
    for (const row of table.rows) {
      const all = (name) => rounds.map((figures) => figures.get(row)[name]);
      const ratios = table.bases.map((_, base) => median(rounds.map((figures) => figures.get(row).cost / figures.get(table.rows[base]).cost)).toFixed(2));
      const cost = all("cost");
      const spread = `${median(cost).toFixed(1)} (${Math.min(...cost).toFixed(1)}..${Math.max(...cost).toFixed(1)})`;
      console.log(`| ${row.name} | ${spread} | ${ratios.join(" | ")} | ${median(all("rate")).toFixed(0)} | ${median(all("busy")).toFixed(2)} |`);
    }
  }
  console.log(`\n### Resident memory of each of ${CONNECTIONS} idle connections, KiB\n`);
  console.log("| | nginx | tokigate |");
  console.log("|---|---|---|");
  for (const { wire, nginx, gate } of memory) console.log(`| ${wire.name} | ${[nginx, gate].map((bytes) => (bytes / 1024).toFixed(1)).join(" | ")} |`);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
