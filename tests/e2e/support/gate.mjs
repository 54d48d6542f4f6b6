// The gate itself, as a person starts it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, start, temporaryFolder } from "./processes.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The binary under test: TOKIGATE, else the release build. */
export const BINARY = process.env.TOKIGATE ?? join(ROOT, "target/release/tokigate");
if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: cargo build --release`);

/** A fresh session key, as `tokigate keygen` would give it. */
export const freshKey = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");

/**
 * `tokigate run` with a configuration: `toml` is the file's text without `listen` and `admin_listen`, which are chosen here unless
 * `port` says the first. Resolves to the program with { address, admin, port, memory() }.
 */
export async function startGate(toml, { port, env } = {}) {
  const listen = port ?? (await freePort());
  const admin = await freePort();
  const file = join(temporaryFolder(), "config.toml");
  writeFileSync(file, `listen = "127.0.0.1:${listen}"\nadmin_listen = "127.0.0.1:${admin}"\n${toml}`);
  const gate = await start(BINARY, ["run", "--config", file], { ready: () => answers(admin, "/readyz"), env, name: "tokigate run" });
  return Object.assign(gate, { port: listen, address: `http://127.0.0.1:${listen}`, admin: `http://127.0.0.1:${admin}`, file,
    memory: () => memoryOf(gate.pid) });
}

/** `tokigate demo`; resolves to the program with { address }: the one it printed. */
export async function startDemo(args = []) {
  const port = await freePort();
  const demo = await start(BINARY, ["demo", "--port", String(port), ...args], { ready: /https?:\/\/[\w.-]+:(\d+)/, name: "tokigate demo" });
  return Object.assign(demo, { address: demo.match[0] });
}

/** Resident memory of a process in bytes: { now, peak }; `peak` counts from the last call of `forget()`. */
function memoryOf(pid) {
  const status = () => readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status())[1]) * 1024;
  return { now: bytes("VmRSS"), peak: bytes("VmHWM"), forget: () => writeFileSync(`/proc/${pid}/clear_refs`, "5") };
}

function answers(port, path) {
  return new Promise((resolve) => {
    http
      .get({ host: "127.0.0.1", port, path, timeout: 1000 }, async (response) => {
        let body = "";
        for await (const piece of response) body += piece;
        // A gate is ready before it has asked who the provider is; whoever comes in that moment is told to come again.
        resolve(response.statusCode === 200 && !body.includes("discovery has begun"));
      })
      .on("error", () => resolve(false))
      .on("timeout", function stop() { this.destroy(); });
  });
}
