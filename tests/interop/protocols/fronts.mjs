// HAProxy and nginx in front of the gate, passing connections or requests on.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, start, temporaryFolder } from "../../e2e/support/processes.mjs";
import { listening } from "../nginx.mjs";
import { inPath } from "./programs.mjs";
import { nginxFile, temporaryPaths } from "./servers.mjs";

/** HAProxy with one listener for each of `ways`: lines of its configuration by a name. Resolves to { ports: name → port, stop }. */
export async function startHaproxy(ways) {
  const folder = temporaryFolder();
  const ports = {};
  for (const name of Object.keys(ways)) ports[name] = await freePort();
  const file = join(folder, "haproxy.cfg");
  const sections = Object.entries(ways).map(([name, lines]) => `listen ${name}\n    bind 127.0.0.1:${ports[name]}\n${lines.map((line) => `    ${line}\n`).join("")}`);
  writeFileSync(file, `global
    maxconn 100
defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 30s
${sections.join("\n")}`);
  const last = Object.values(ports).at(-1);
  const program = await start(inPath("haproxy"), ["-db", "-f", file], { ready: () => listening(last), name: "haproxy" });
  return { ports, stop: () => program.stop("SIGKILL") };
}

/** nginx passing connections on to `to`, a header of the PROXY protocol in front of each, from the address `from`. */
export async function startNginxStream({ to, from }) {
  const port = await freePort();
  const folder = temporaryFolder();
  const file = nginxFile(folder, `stream {
    server {
        listen 127.0.0.1:${port};
        proxy_bind ${from};
        proxy_protocol on;
        proxy_pass 127.0.0.1:${to};
    }
}`, "load_module /usr/lib/nginx/modules/ngx_stream_module.so;");
  const program = await start(inPath("nginx"), ["-e", "stderr", "-p", folder, "-c", file], { ready: () => listening(port), name: "nginx" });
  return { port, stop: () => program.stop("SIGKILL") };
}

/** nginx that sends requests on to the gate, over TLS. */
export async function startNginxProxy({ port: to, address, caFile }) {
  const port = await freePort();
  const folder = temporaryFolder();
  const file = nginxFile(folder, `http {
    access_log off;
    client_max_body_size 4m;
    ${temporaryPaths(folder)}
    upstream gate { server 127.0.0.1:${to}; keepalive 4; }
    server {
        listen 127.0.0.1:${port};
        location / {
            proxy_pass https://gate;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host ${new URL(address).host};
            proxy_ssl_server_name on;
            proxy_ssl_name localhost;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate ${caFile};
        }
    }
}`);
  const program = await start(inPath("nginx"), ["-e", "stderr", "-p", folder, "-c", file], { ready: () => listening(port), name: "nginx" });
  return { port, stop: () => program.stop("SIGKILL") };
}
