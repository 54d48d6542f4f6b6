// Where the programs are, and which versions this machine has.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = fileURLToPath(new URL(".", import.meta.url));
export const VENV = join(HERE, "../../.cache/venv/bin");

export const inPath = (name) =>
  ["/usr/sbin", "/usr/local/go/bin", ...process.env.PATH.split(":")].map((folder) => join(folder, name)).find((path) => existsSync(path));

const said = (command, ...args) => {
  const { stdout, stderr } = spawnSync(inPath(command) ?? command, args, { encoding: "utf8" });
  return /\d+(?:\.\d+)+/.exec(`${stdout}${stderr}`)?.[0];
};
const python = (name) => spawnSync(join(VENV, "python"), ["-c", `from importlib.metadata import version; print(version(${JSON.stringify(name)}))`], { encoding: "utf8" }).stdout.trim();
const packages = () => JSON.parse(readFileSync(join(HERE, "../../e2e/package.json"), "utf8")).dependencies;

/** [program, version], of all that the page is about. */
export function versions() {
  const programs = [["curl", "--version"], ["openssl", "version"], ["nghttp", "--version"], ["haproxy", "-v"], ["nginx", "-v"], ["chromium", "--version"], ["go", "version"]];
  const npm = ["undici", "ws", "@grpc/grpc-js", "grpc-web", "@connectrpc/connect-node"];
  return [
    ...programs.map(([command, flag]) => [command, said(command, flag)]),
    ["Node", process.versions.node],
    ...npm.map((name) => [name, packages()[name]]),
    ...["gunicorn", "hypercorn", "websockets", "grpcio", "sonora"].map((name) => [name, python(name)]),
  ];
}
