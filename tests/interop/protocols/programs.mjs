// Where the programs are, and which versions this machine has.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = fileURLToPath(new URL(".", import.meta.url));
export const VENV = join(HERE, "../../.cache/venv/bin");

export const inPath = (name) =>
  ["/usr/sbin", "/usr/local/go/bin", ...process.env.PATH.split(":")].map((folder) => join(folder, name)).find((path) => existsSync(path));

const first = (command, ...args) => () => {
  const told = execFileSync(inPath(command) ?? command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return told.split("\n")[0];
};
const python = (name) => () =>
  execFileSync(join(VENV, "python"), ["-c", `from importlib.metadata import version; print(version(${JSON.stringify(name)}))`], { encoding: "utf8" }).trim();

const VERSIONS = {
  curl: first("curl", "--version"),
  openssl: first("openssl", "version"),
  nghttp: first("nghttp", "--version"),
  haproxy: first("haproxy", "-v"),
  go: first("go", "version"),
  hypercorn: python("hypercorn"),
  gunicorn: python("gunicorn"),
  grpcio: python("grpcio"),
  websockets: python("websockets"),
  sonora: python("sonora"),
};

/** What a program calls its version, for the log of a run. */
export function versionOf(name) {
  try {
    return VERSIONS[name]();
  } catch {
    return "not here";
  }
}
