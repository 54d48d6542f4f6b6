// Runs every contestant at once and loads them in turns, in slices so short that the machine's moods hit all of them alike.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { signIn, startCertifiedProvider } from "../tests/e2e/support/certified.mjs";
import { Client } from "../tests/e2e/support/client.mjs";
import { freshKey, startGate } from "../tests/e2e/support/gate.mjs";
import { freePort, start, temporaryFolder } from "../tests/e2e/support/processes.mjs";
import { listening } from "../tests/interop/nginx.mjs";

const { values: options } = parseArgs({
  options: { smoke: { type: "boolean" }, noisy: { type: "boolean" }, rounds: { type: "string", default: "7" }, seconds: { type: "string", default: "0.7" } },
});
const ROUNDS = options.smoke ? 1 : Number(options.rounds);
const MILLISECONDS = options.smoke ? 200 : Number(options.seconds) * 1000;
const CONNECTIONS = 64;
// Below these a slice is measured again: the proxy must be what limits it, and have its core to itself.
const SATURATED = 0.9;
const FOREIGN = 0.05;
const TRIES = 30;
const BENCH = fileURLToPath(new URL("../target/bench/release/bench", import.meta.url));
const folder = temporaryFolder();

const contestants = await startContestants();
const cookie = contestants.cookie;
const rows = [
  { name: "nginx, no cookie", proxy: contestants.nginx, request: requestFile("plain") },
  { name: "nginx, the session's cookies passed on", proxy: contestants.nginx, request: requestFile("cookie", cookie) },
  { name: "tokigate, signed in", proxy: contestants.gate, request: requestFile("signed-in", cookie) },
  { name: "tokigate, a public path without cookies", proxy: contestants.gate, request: requestFile("public", undefined, "/public/x") },
];
for (const row of rows) slice(row);
const rounds = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const figures = new Map();
  for (const row of round % 2 ? rows.toReversed() : rows) figures.set(row, settled(row));
  rounds.push(figures);
}
print();
await contestants.stop();

function print() {
  console.log(`${ROUNDS} rounds of ${MILLISECONDS} ms, ${CONNECTIONS} connections, one core for the proxy; the session's cookies are ${cookie.length} bytes`);
  console.log("| | CPU µs/request (least..most) | to nginx, no cookie | to nginx, same bytes | requests/s | busy |");
  console.log("|---|---|---|---|---|---|");
  for (const row of rows) {
    const cost = rounds.map((figures) => figures.get(row).cost);
    const ratio = (base) => median(rounds.map((figures) => figures.get(row).cost / figures.get(base).cost)).toFixed(2);
    const rate = median(rounds.map((figures) => figures.get(row).rate)).toFixed(0);
    const busy = median(rounds.map((figures) => figures.get(row).busy)).toFixed(2);
    const spread = `${median(cost).toFixed(1)} (${Math.min(...cost).toFixed(1)}..${Math.max(...cost).toFixed(1)})`;
    console.log(`| ${row.name} | ${spread} | ${ratio(rows[0])} | ${ratio(rows[1])} | ${rate} | ${busy} |`);
  }
}

/** A slice in which the proxy was the bottleneck and alone on its core; rather no figure than one that is not of the proxy. */
function settled(row) {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const figure = slice(row);
    if (options.smoke || options.noisy || (figure.busy >= SATURATED && figure.foreign <= FOREIGN)) return figure;
  }
  console.error(`the machine is too noisy for a figure (${row.name})`);
  process.exit(1);
}

function slice({ proxy, request }) {
  const before = { proxy: processorTime(proxy.pid), core: coreTime() };
  const began = process.hrtime.bigint();
  const answers = Number(execFileSync("taskset", ["-c", "1", BENCH, "load", `127.0.0.1:${proxy.port}`, request, String(CONNECTIONS), String(MILLISECONDS)]));
  const wall = Number(process.hrtime.bigint() - began);
  const used = processorTime(proxy.pid) - before.proxy;
  if (answers === 0) throw new Error("no answers");
  // The loader's start and end are in `wall`, but not in the measured time: busy is judged by the slice alone.
  return {
    cost: used / 1000 / answers,
    rate: answers / (MILLISECONDS / 1000),
    busy: used / (MILLISECONDS * 1e6),
    foreign: Math.max(0, (coreTime() - before.core) * 1e7 - used) / wall,
  };
}

/** Nanoseconds that all threads of a process and of its children have run: schedstat, finer than the 10 ms of utime and stime. */
function processorTime(pid) {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    for (const child of readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean)) sum += processorTime(child);
  }
  return sum;
}

/** Busy time of core 0 in hundredths of a second, whoever used it. */
function coreTime() {
  const [user, nice, system, , , irq, softirq] = /^cpu0 (.*)$/m.exec(readFileSync("/proc/stat", "utf8"))[1].split(" ").map(Number);
  return user + nice + system + irq + softirq;
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function requestFile(name, cookies, path = "/page?x=1") {
  const lines = [
    `GET ${path} HTTP/1.1`, `Host: ${contestants.host}`, "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language: mn,en;q=0.8", "Accept-Encoding: gzip, deflate, br, zstd",
  ];
  if (cookies) lines.push(`Cookie: theme=dark; ${cookies}; lang=mn`);
  const file = join(folder, name);
  writeFileSync(file, `${lines.join("\r\n")}\r\n\r\n`);
  return file;
}

async function startContestants() {
  const [applicationPort, nginxPort, gatePort] = [await freePort(), await freePort(), await freePort()];
  const site = `http://localhost:${gatePort}`;
  const application = await start(BENCH, ["application", `127.0.0.1:${applicationPort}`], { ready: /listening/, name: "the application" });
  const provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`], accessTokenSeconds: 36000 });
  const gate = await startGate(
    `public_url = "${site}"
upstream = "http://127.0.0.1:${applicationPort}"
workers = 1
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-rs256"
scopes = ["openid", "offline_access", "email", "profile"]
[session]
keys = ["${freshKey()}"]
[[rules]]
path = "/public/**"
access = "public"
[log]
access = false
`,
    { port: gatePort },
  );
  const browser = new Client();
  const page = await signIn(browser, `${site}/`);
  if (page.status !== 200) throw new Error(`the sign-in failed:\n${page.body}`);
  await provider.close();
  const nginx = await startNginx(nginxPort, applicationPort);
  for (const proxy of [gate, nginx]) pin(proxy.pid, 0);
  pin(application.pid, 1);
  pin(process.pid, 1);
  return {
    host: `localhost:${gatePort}`,
    cookie: browser.cookieHeader("localhost", false),
    gate: { pid: gate.pid, port: gatePort },
    nginx: { pid: nginx.pid, port: nginxPort },
    // nginx is asked, not killed: its worker would outlive its master, and hold our end of its output open.
    stop: () => Promise.all([gate.stop("SIGKILL"), nginx.stop("SIGTERM"), application.stop("SIGKILL")]),
  };
}

async function startNginx(port, application) {
  for (const name of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(join(folder, name));
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr; ${process.getuid() === 0 ? "user root;" : ""}
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 1000000000; large_client_header_buffers 4 16k;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream application { server 127.0.0.1:${application}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}
`,
  );
  const binary = existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
  return start(binary, ["-e", "stderr", "-p", folder, "-c", file], { ready: () => listening(port), name: "nginx" });
}

/** A process, its threads and its children, to one core. */
function pin(pid, core) {
  execFileSync("taskset", ["-a", "-c", "-p", String(core), String(pid)], { stdio: "pipe" });
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    for (const child of readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean)) pin(child, core);
  }
}
