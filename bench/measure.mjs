// One slice of load on one proxy, and what the operating system says that the proxy used in it.
import { execFile, spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { HEALTH, childrenOf } from "./contestants.mjs";

// For the connections, and for the proxy's caches.
const WARM_UP = "300ms";
const BROWSER = [
  "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "accept-language: mn,en;q=0.8",
  "accept-encoding: gzip, deflate, br, zstd",
];

/**
 * Requests for `milliseconds`, all of them answered with 200: a benchmark of refusals would look splendid. Connections stand before the slice begins.
 * Resolves to { cost, rate, busy, foreign }: microseconds of processor time per request, requests a second, what the proxy and what others used of its core.
 */
export async function requests(wire, proxy, { path, cookie }, milliseconds) {
  const headers = [...BROWSER, ...(cookie ? [`cookie: theme=dark; ${cookie}; lang=mn`] : [])].flatMap((line) => ["-H", line]);
  const address = `${wire.secure ? "https" : "http"}://${proxy.authority}${path}`;
  const args = [...wire.load, "-D", `${milliseconds}ms`, "--warm-up-time", WARM_UP, `--connect-to=127.0.0.1:${proxy.port}`, ...headers, address];
  const load = spawn("taskset", ["-c", "1", "h2load", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const marks = [];
  let told = "";
  load.stdout.on("data", (piece) => {
    told += piece;
    if (marks.length === 0 && told.includes("Main benchmark duration is started")) marks.push(used(proxy.pid));
    if (marks.length === 1 && told.includes("Main benchmark duration is over")) marks.push(used(proxy.pid));
  });
  await new Promise((resolve) => load.on("close", resolve));
  const [, answers, ok] = /(\d+) done, (\d+) succeeded/.exec(told)?.map(Number) ?? [];
  // A machine may be so busy that the slice was over before the connections stood.
  if (answers === 0 && ok === 0) return requests(wire, proxy, { path, cookie }, milliseconds * 2);
  if (!answers || ok !== answers || !/ 0 3xx, 0 4xx, 0 5xx/.test(told) || marks.length < 2) throw new Error(`${address}: not every answer was a good one:\n${told}`);
  return figure(marks[0], marks[1], answers);
}

/** Connections that are closed after one request, which the proxy answers itself; `resumed`: all but the first by a ticket (* and r in what is told). */
export async function handshakes(proxy, resumed) {
  const before = used(proxy.pid);
  const args = ["-c", "1", "openssl", "s_time", "-connect", `127.0.0.1:${proxy.port}`, resumed ? "-reuse" : "-new", "-www", HEALTH, "-time", "1"];
  const { stdout } = await promisify(execFile)("taskset", args, { maxBuffer: 1 << 24 });
  const number = Number(/(\d+) connections in \d+ real/.exec(stdout)?.[1]);
  const signs = /^[*r]{2,}$/m.exec(stdout)?.[0] ?? "";
  if (!(number > 1) || signs.includes(resumed ? "*" : "r")) throw new Error(`not the handshakes that were wanted:\n${stdout.slice(-300)}`);
  return figure(before, used(proxy.pid), number);
}

function figure(from, to, number) {
  const [wall, proxy, core] = ["wall", "proxy", "core"].map((name) => to[name] - from[name]);
  return { cost: proxy / 1000 / number, rate: number / (wall / 1e9), busy: proxy / wall, foreign: Math.max(0, core - proxy) / wall };
}

/** Nanoseconds: the clock on the wall, what a process has used, what everybody has used of core 0. */
const used = (pid) => ({ wall: Number(process.hrtime.bigint()), proxy: processorTime(pid), core: coreTime() * 1e7 });

/** Nanoseconds that all threads of a process and of its children have run: schedstat, finer than the 10 ms of utime and stime. */
function processorTime(pid) {
  const own = readdirSync(`/proc/${pid}/task`).map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]));
  return [...own, ...childrenOf(pid).map(processorTime)].reduce((sum, part) => sum + part, 0);
}

/** Busy time of core 0 in hundredths of a second, whoever used it. */
function coreTime() {
  const [user, nice, system, , , irq, softirq] = /^cpu0 (.*)$/m.exec(readFileSync("/proc/stat", "utf8"))[1].split(" ").map(Number);
  return user + nice + system + irq + softirq;
}
