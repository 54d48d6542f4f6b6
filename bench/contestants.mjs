// What is compared: the gate and nginx, each in the clear and with TLS, before the same application, all on one core, of which only one at a time works.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { signIn, startCertifiedProvider } from "../tests/e2e/support/certified.mjs";
import { Client } from "../tests/e2e/support/client.mjs";
import { freshKey, startGate } from "../tests/e2e/support/gate.mjs";
import { freePort, start, temporaryFolder } from "../tests/e2e/support/processes.mjs";
import { listening } from "../tests/interop/nginx.mjs";
import { makeAuthority } from "../tests/interop/protocols/authority.mjs";

const APPLICATION = fileURLToPath(new URL("../target/bench/release/bench", import.meta.url));

/** What clients speak. `ports`: which of a proxy's; `load`: how h2load is told; 64 requests are always under way. */
export const WIRES = [
  { name: "HTTP/1.1", secure: false, h2: false, load: ["-p", "http/1.1", "-c", "64"] },
  { name: "HTTP/1.1, TLS", secure: true, h2: false, load: ["--h1", "-c", "64"] },
  { name: "HTTP/2", secure: false, h2: true, load: ["-c", "8", "-m", "8"] },
  { name: "HTTP/2, TLS", secure: true, h2: true, load: ["-c", "8", "-m", "8"] },
];

/**
 * Resolves to { nginx, gate, stop }; both proxies take a wire to { pid, port, authority, cookie }, `cookie` that of somebody signed in at the gate that speaks it.
 */
export async function startContestants() {
  const authority = makeAuthority();
  const certificate = authority.server("localhost");
  const upstream = await freePort();
  const application = await start(APPLICATION, [`127.0.0.1:${upstream}`], { ready: /listening/, name: "the application" });
  const gates = { clear: await startSignedIn(upstream), secure: await startSignedIn(upstream, certificate, authority.ca) };
  const nginx = await startNginx(certificate, upstream);
  for (const proxy of [gates.clear, gates.secure, nginx]) pin(proxy.pid, 0);
  pin(application.pid, 1);
  pin(process.pid, 1);
  const gateOf = (wire) => (wire.secure ? gates.secure : gates.clear);
  return {
    gate: gateOf,
    nginx: (wire) => ({ pid: nginx.pid, port: nginx.ports[wire.secure ? "tls" : wire.h2 ? "h2c" : "clear"], authority: gateOf(wire).authority, cookie: gateOf(wire).cookie }),
    // nginx is asked, not killed: its worker would outlive its master, and hold our end of its output open.
    stop: () => Promise.all([gates.clear.stop(), gates.secure.stop(), nginx.stop("SIGTERM"), application.stop("SIGKILL")]),
  };
}

/** A gate, and somebody signed in at it. */
async function startSignedIn(upstream, certificate, ca) {
  const port = await freePort();
  const site = `${certificate ? "https" : "http"}://localhost:${port}`;
  const provider = await startCertifiedProvider({ redirectUris: [`${site}/oauth2/callback`], accessTokenSeconds: 36000 });
  const gate = await startGate(
    `public_url = "${site}"
upstream = "http://127.0.0.1:${upstream}"
workers = 1
health_path = "${HEALTH}"
${certificate ? `[tls]\ncert_file = "${certificate.certFile}"\nkey_file = "${certificate.keyFile}"` : ""}
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
    { port },
  );
  const browser = new Client({ ca });
  const page = await signIn(browser, `${site}/`);
  if (page.status !== 200) throw new Error(`the sign-in failed:\n${page.body}`);
  await provider.close();
  return { pid: gate.pid, port, authority: `localhost:${port}`, cookie: browser.cookieHeader("localhost", certificate !== undefined), stop: () => gate.stop("SIGKILL") };
}

/** Answered by the proxies themselves, whatever the request's host. */
export const HEALTH = "/health";

async function startNginx({ certFile, keyFile }, application) {
  const folder = temporaryFolder();
  for (const name of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(join(folder, name));
  const ports = { clear: await freePort(), h2c: await freePort(), tls: await freePort() };
  const file = join(folder, "nginx.conf");
  // `listen … http2`, because not every nginx about knows `http2 on`. In the clear it then speaks nothing else.
  writeFileSync(
    file,
    `daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid ${folder}/nginx.pid; error_log stderr crit; ${process.getuid() === 0 ? "user root;" : ""}
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; large_client_header_buffers 4 16k;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; ssl_protocols TLSv1.2 TLSv1.3;
  upstream application { server 127.0.0.1:${application}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${ports.clear};
    listen 127.0.0.1:${ports.h2c} http2;
    listen 127.0.0.1:${ports.tls} ssl http2;
    location = ${HEALTH} { return 200 "alive"; }
    location / { proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}
`,
  );
  const binary = existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
  const nginx = await start(binary, ["-e", "stderr", "-p", folder, "-c", file], { ready: () => listening(ports.tls), name: "nginx" });
  return Object.assign(nginx, { ports });
}

/** A process, its threads and its children, to one core. */
function pin(pid, core) {
  execFileSync("taskset", ["-a", "-c", "-p", String(core), String(pid)], { stdio: "pipe" });
  for (const child of childrenOf(pid)) pin(child, core);
}

/** By the number of each. */
export function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean));
}
