// A real nginx with a file of deploy/nginx, its addresses and certificate exchanged for the test's.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start, temporaryFolder } from "../e2e/support/processes.mjs";

const NGINX = existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
const SERVER_NAME = "app.example.mn";
const DEPLOY = fileURLToPath(new URL("../../deploy/nginx/", import.meta.url));

/**
 * Starts nginx with deploy/nginx/`file`, on https://app.example.mn:`port`. `gate` and `application` are ports; `extra` stands
 * beside the file in http { }. Resolves to the program with { ca }: the certificate to trust.
 */
export async function startNginx(file, { port, gate, application = 9, extra = "" }) {
  const folder = temporaryFolder();
  const [certificate, key] = makeCertificate(folder);
  const shipped = readFileSync(join(DEPLOY, file), "utf8");
  const site = shipped
    .replaceAll("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
    .replaceAll("/etc/nginx/tls/app.crt", certificate)
    .replaceAll("/etc/nginx/tls/app.key", key)
    .replaceAll("/etc/nginx/tokigate/", DEPLOY)
    .replaceAll("127.0.0.1:4180", `127.0.0.1:${gate}`)
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${application}`);
  for (const name of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(join(folder, name));
  const user = process.getuid() === 0 ? "user root;" : "";
  const configuration = join(folder, "nginx.conf");
  writeFileSync(
    configuration,
    `${user}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr info;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path ${folder}/body;
    proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi;
    scgi_temp_path ${folder}/scgi;
    ${extra}
    ${site}
}
`,
  );
  const nginx = await start(NGINX, ["-e", "stderr", "-p", folder, "-c", configuration], { ready: () => listening(port), name: "nginx" });
  return Object.assign(nginx, { ca: readFileSync(certificate, "utf8") });
}

function makeCertificate(folder) {
  const certificate = join(folder, "app.crt");
  const key = join(folder, "app.key");
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", `/CN=${SERVER_NAME}`,
    "-addext", `subjectAltName=DNS:${SERVER_NAME}`, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  return [certificate, key];
}

/** What a client could say and only a proxy can know: every name that src/wire/hop.rs has, or its tests. */
export function namesOfProxies() {
  const source = (path) => readFileSync(new URL(`../../src/wire/${path}`, import.meta.url), "utf8");
  const listed = (path, name) => {
    const [, list] = new RegExp(`const ${name}: [^=]*= &\\[\\n?(.*?)\\];\\n`, "s").exec(source(path)) ?? [];
    if (!list) throw new Error(`there is no ${name} in src/wire/${path}`);
    return list;
  };
  const names = (path, name) => [...listed(path, name).matchAll(/"([^"]+)"/g)].map(([, found]) => found);
  const tellers = [...listed("hop/tests.rs", "TELLERS").matchAll(/&\[(.*?)\]/gs)].flatMap(([, list]) => [...list.matchAll(/"([^"]+)"/g)].map(([, found]) => found));
  const originals = ["X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Forwarded-Prefix", "X-Forwarded-Server"];
  const all = [...names("hop.rs", "FROM_PROXIES"), ...names("hop.rs", "CERTIFICATES"), ...names("hop.rs", "OURS"), ...tellers, ...originals];
  const spelled = all.flatMap((name) => [name.toLowerCase().replaceAll("_", "-"), name.toLowerCase().replaceAll("-", "_")]);
  // A client's own id is kept, and what it expects is nginx's to answer.
  return [...new Set(spelled)].filter((name) => !["x-request-id", "x_request_id", "expect"].includes(name));
}

export function listening(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
