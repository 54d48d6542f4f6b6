// The real servers. Each answers with the request as it came, and a line for each way in which it, or a program on it, understood the path:
// "METHOD target", then "name<TAB>path". What it refuses by itself says nothing.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, start, temporaryFolder } from "../../e2e/support/processes.mjs";
import { listening } from "../nginx.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const VENV = join(HERE, "../../.cache/venv/bin");
const JARS = "/usr/share/java";

const inPath = (name) => ["/usr/sbin", "/usr/local/go/bin", ...process.env.PATH.split(":")].map((folder) => join(folder, name)).find(existsSync);

/** Each server: its name, the program it needs (`missing` where that is not there), and start(port). */
export const SERVERS = [
  { name: "nginx", start: (port) => startNginx(port, "merge_slashes on;") },
  { name: "nginx, merge_slashes off", start: (port) => startNginx(port, "merge_slashes off;") },
  { name: "Apache", start: (port) => startApache(port, "Off") },
  { name: "Apache, AllowEncodedSlashes On", start: (port) => startApache(port, "On") },
  { name: "gunicorn, Django", start: startGunicorn },
  { name: "Node, express", start: (port) => run(process.execPath, ["site.mjs", String(port)], port) },
  { name: "PHP", start: (port) => run("php", ["-q", "-S", `127.0.0.1:${port}`, "site.php"], port, { PHP_CLI_SERVER_WORKERS: "4" }) },
  { name: "Go", slow: true, missing: !inPath("go") && "no Go on this machine", start: startGo },
  ...["decode", "passthrough"].map((solidus) => ({
    name: `Tomcat, encodedSolidusHandling ${solidus}`,
    slow: true,
    missing: !(inPath("javac") && existsSync(join(JARS, "tomcat10-catalina.jar"))) && "no JDK and Tomcat (libtomcat10-java) on this machine",
    start: (port) => startTomcat(port, solidus),
  })),
];

const run = (command, args, port, env = {}) => start(command, args, { cwd: HERE, env, ready: () => listening(port), name: command });

/** The gate keeps connections to the application; so that none is closed under a request, all servers keep theirs for a minute. */
function startNginx(port, options) {
  const folder = temporaryFolder();
  for (const name of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(join(folder, name));
  const told = (location) => `return 200 "$request_method $request_uri\\npath\\t$uri\\n${location && `location\\t${location}\\n`}";`;
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `${process.getuid() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log /dev/null crit;
events { worker_connections 256; }
http {
    access_log off;
    keepalive_timeout 60s;
    keepalive_requests 1000000;
    client_body_temp_path ${folder}/body;
    proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi;
    scgi_temp_path ${folder}/scgi;
    server {
        listen 127.0.0.1:${port};
        ${options}
        location / { ${told("")} }
        location /admin/ { ${told("/admin/")} }
        location = /admin { ${told("/admin")} }
        location ~ ^/api/private(/|$) { ${told("/api/private")} }
        location /assets/private/ { ${told("/assets/private/")} }
        location ~* ^/account(/|$) { ${told("/account")} }
    }
}
`,
  );
  return run(inPath("nginx"), ["-e", "stderr", "-p", folder, "-c", file], port);
}

/** Apache tells in a header, because only there it can escape. */
function startApache(port, encodedSlashes) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "public"));
  const modules = "/usr/lib/apache2/modules";
  const has = (name) => existsSync(join(modules, `mod_${name}.so`));
  const load = ["mpm_event", "authz_core", "headers", "dir"].filter(has).map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`);
  const located = (match, name) => `<LocationMatch "${match}">\n    Header always set X-Location "${name}"\n</LocationMatch>`;
  const file = join(folder, "apache.conf");
  writeFileSync(
    file,
    `ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog /dev/null
${load.join("\n")}
Listen 127.0.0.1:${port}
StartServers 1
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
DocumentRoot ${folder}/public
AllowEncodedSlashes ${encodedSlashes}
Header always set X-Request "expr=%{REQUEST_METHOD} %{escape:%{THE_REQUEST}}"
Header always set X-Path "expr=%{escape:%{REQUEST_URI}}"
<Directory ${folder}/public>
    Require all granted
    FallbackResource disabled
</Directory>
${located("^/admin(/|$)", "/admin")}
${located("^/api/private(/|$)", "/api/private")}
${located("^/assets/private(/|$)", "/assets/private")}
${located("(?i)^/account(/|$)", "/account")}
`,
  );
  return run(inPath("apache2"), ["-X", "-f", file], port);
}

function startGunicorn(port) {
  const args = ["--bind", `127.0.0.1:${port}`, "--keep-alive", "60", "--threads", "8", "--log-level", "critical", "wsgi_site:application"];
  return run(join(VENV, "gunicorn"), args, port, { PYTHONDONTWRITEBYTECODE: "1" });
}

function startGo(port) {
  const program = join(temporaryFolder(), "site");
  execFileSync(inPath("go"), ["build", "-o", program, "site.go"], { cwd: HERE, stdio: "pipe" });
  return run(program, [String(port)], port);
}

function startTomcat(port, solidus) {
  const folder = temporaryFolder();
  const jars = readdirSync(JARS).filter((name) => /^tomcat10-[a-z-]*\.jar$/.test(name));
  const classpath = jars.map((name) => join(JARS, name)).join(":");
  execFileSync(inPath("javac"), ["-cp", classpath, "-d", folder, "Site.java"], { cwd: HERE, stdio: "pipe" });
  return run("java", ["-cp", `${classpath}:${folder}`, "Site", String(port), folder, solidus], port);
}

/** What a server's answer says: { method, target, readings: [[name, path], …] }; undefined where it refused by itself. */
export function readTold({ head, body }) {
  const header = (name) => new RegExp(`\\r\\n${name}: ([^\\r]*)`, "i").exec(head)?.[1];
  const path = header("x-path");
  if (path !== undefined) {
    const [method, line] = header("x-request").split(" ");
    const target = decodeURIComponent(line).split(" ")[1];
    const readings = [["path", decoded(path)]];
    if (header("x-location")) readings.push(["Location", header("x-location")]);
    return { method, target, readings };
  }
  const [request, ...lines] = body.split("\n");
  const [, method, target] = /^([A-Z-]+) (\S+)$/.exec(request) ?? [];
  if (!target) return undefined;
  return { method, target, readings: lines.filter((line) => line.includes("\t")).map((line) => line.split("\t")) };
}

/** What is no UTF-8 stays as it is. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
