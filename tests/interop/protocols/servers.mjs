// The servers behind the gate. Each: its name, how the gate reaches it (`scheme`), what it must then say it was spoken to in (`spoken`),
// and start(certificates), which resolves to { port, stop }. `missing`: why it cannot be had here.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort, start, temporaryFolder } from "../../e2e/support/processes.mjs";
import { listening } from "../nginx.mjs";
import { HERE, VENV, inPath } from "./programs.mjs";
import { MEBIBYTE, startNodeH2c, startNodeHttp1, startNodeHttps, startNodeTls } from "./site.mjs";

/** `start` takes { certificate, clientCa }: the server's own, and a file with the authority of the gate's. */
export const SERVERS = [
  { path: "node-h1", name: "Node http", scheme: "http", spoken: "HTTP/1.1", start: startNodeHttp1 },
  { path: "node-h2c", name: "Node http2", scheme: "h2c", spoken: "HTTP/2", start: startNodeH2c },
  { path: "node-h2", name: "Node http2", scheme: "https", spoken: "HTTP/2, TLS", start: ({ certificate }) => startNodeTls(certificate) },
  { path: "node-https", name: "Node https", scheme: "https", spoken: "HTTP/1.1, TLS", start: ({ certificate }) => startNodeHttps(certificate) },
  { path: "nginx-h1", name: "nginx", scheme: "http", spoken: "HTTP/1.1", start: () => startNginxSite() },
  { path: "nginx-h2", name: "nginx", scheme: "https", spoken: "HTTP/2, TLS, client certificate", start: startNginxSite },
  { path: "gunicorn", name: "gunicorn", scheme: "http", spoken: "HTTP/1.1", start: startGunicorn },
  { path: "hypercorn-h1", name: "hypercorn", scheme: "http", spoken: "HTTP/1.1", start: () => startHypercorn() },
  { path: "hypercorn-h2c", name: "hypercorn", scheme: "h2c", spoken: "HTTP/2", start: () => startHypercorn() },
  { path: "hypercorn-h2", name: "hypercorn", scheme: "https", spoken: "HTTP/2, TLS", start: ({ certificate }) => startHypercorn({ certificate }) },
  ...[["http", "HTTP/1.1"], ["h2c", "HTTP/2"], ["https", "HTTP/2, TLS"]].map(([scheme, spoken]) => (
    { path: `go-${scheme}`, name: "Go net/http", scheme, spoken, missing: !inPath("go") && "no Go on this machine", start: ({ certificate }) => startGo(scheme === "https" && certificate) })),
];

export async function run(command, args, port, options = {}) {
  const program = await start(command, args, { cwd: HERE, ready: () => listening(port), ...options });
  return { port, stop: () => program.stop("SIGKILL") };
}

async function startGunicorn() {
  const port = await freePort();
  const args = ["--bind", `127.0.0.1:${port}`, "--keep-alive", "60", "--threads", "4", "--log-level", "critical", "wsgi_site:application"];
  return run(join(VENV, "gunicorn"), args, port, { env: { PYTHONDONTWRITEBYTECODE: "1" } });
}

/** HTTP/1.1 and, by prior knowledge, HTTP/2; with a certificate by ALPN. */
export async function startHypercorn({ certificate, app = "asgi_site:app" } = {}) {
  const port = await freePort();
  const tls = certificate ? ["--certfile", certificate.certFile, "--keyfile", certificate.keyFile] : [];
  const args = ["--bind", `127.0.0.1:${port}`, "--keep-alive", "60", "--log-level", "critical", ...tls, app];
  return run(join(VENV, "hypercorn"), args, port, { env: { PYTHONDONTWRITEBYTECODE: "1" } });
}

/** `certificate`: TLS and HTTP/2; `clientCa`: a file with the authority whose certificate a client must have. */
export async function startNginxSite({ certificate, clientCa } = {}) {
  const [port, inner] = [await freePort(), await freePort()];
  const tls = certificate
    ? `ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile};
       ${clientCa ? `ssl_client_certificate ${clientCa}; ssl_verify_client on;` : ""}`
    : "";
  const folder = temporaryFolder();
  writeFileSync(join(folder, "bytes"), MEBIBYTE);
  const file = nginxFile(folder, `http {
    access_log off;
    keepalive_timeout 60s;
    client_max_body_size 4m;
    default_type application/octet-stream;
    map $http_cookie $cookie_member { "" ""; default ',"cookie":"$http_cookie"'; }
    ${temporaryPaths(folder)}
    server {
        listen 127.0.0.1:${port}${certificate ? " ssl http2" : ""};
        ${tls}
        location ~ /tell$ {
            default_type application/json;
            return 200 '{"protocol":"$server_protocol","method":"$request_method","target":"$request_uri","host":"$http_host","user":"$http_x_forwarded_user","forwarded":"$http_x_forwarded_for","certificate":"$ssl_client_s_dn"$cookie_member}';
        }
        location ~ /bytes$ { alias ${folder}/bytes; }
        # nginx reads the whole body first and says how long it was.
        location ~ /count$ { proxy_pass http://127.0.0.1:${inner}; }
    }
    server {
        listen 127.0.0.1:${inner};
        default_type application/json;
        return 200 '{"bytes":$http_content_length}';
    }
}`);
  return run(inPath("nginx"), ["-e", "stderr", "-p", folder, "-c", file], port);
}

let goSite;

/** Built once for a file of tests; Go keeps what it has built before. */
async function startGo(certificate) {
  goSite ??= (async () => {
    const program = join(temporaryFolder(), "site");
    await promisify(execFile)(inPath("go"), ["build", "-o", program, "site.go"], { cwd: HERE });
    return program;
  })();
  const port = await freePort();
  return run(await goSite, [String(port), ...(certificate ? [certificate.certFile, certificate.keyFile] : [])], port);
}

export const temporaryPaths = (folder) =>
  ["body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name === "body" ? "client_body" : name}_temp_path ${folder}/${name};`).join("\n    ");

/** Writes a configuration of nginx: `inside` beside what every one needs. */
export function nginxFile(folder, inside, modules = "") {
  for (const name of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(join(folder, name));
  const file = join(folder, "nginx.conf");
  writeFileSync(file, `${process.getuid() === 0 ? "user root;" : ""}
${modules}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 256; }
${inside}
`);
  return file;
}
