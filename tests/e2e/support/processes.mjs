// Programs the tests start: each says when it is ready, and none outlives the test file that started it, nor do the programs that it
// started itself: each has a process group of its own. (Whoever holds its output open keeps the test file waiting.)
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const running = new Set();
const folders = new Set();

/**
 * Starts a program and waits until a line of its output matches `ready`, or `ready()` resolves to something true.
 * Resolves to { child, pid, match, output(), stop(signal) }.
 */
export async function start(command, args, { ready, env = {}, cwd, within = 20_000, name = command } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(child);
  let output = "";
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve({ error }));
    child.once("exit", (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  const program = {
    child,
    pid: child.pid,
    ended,
    output: () => output,
    /** Ends the program; SIGKILL when it has not gone after `patience` milliseconds. Resolves to { code, signal }. */
    async stop(signal = "SIGTERM", patience = 10_000) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), patience);
      const end = await ended;
      clearTimeout(timer);
      killGroup(child);
      return end;
    },
  };
  const said = new Promise((resolve) => {
    const listen = (chunk) => {
      output += chunk;
      const match = ready instanceof RegExp && ready.exec(output);
      if (match) resolve(match);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
  });
  const asked = ready instanceof RegExp ? said : until(ready, within, `${name} to be ready`);
  const outcome = await Promise.race([
    asked.then((match) => ({ match })),
    ended.then((end) => ({ end })),
    delay(within).then(() => ({ late: true })),
  ]).catch((error) => ({ error }));
  if (!outcome.match) {
    killGroup(child);
    throw new Error(`${name} did not start (${JSON.stringify(outcome.end ?? outcome.error?.message ?? "no word in time")}):\n${output}`);
  }
  program.match = outcome.match;
  return program;
}

/** Whatever is left of a program. */
function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing is left.
  }
}

/** Asks `question` again and again until its answer is true or `within` milliseconds are over. */
export async function until(question, within, what = "it") {
  const end = Date.now() + within;
  for (;;) {
    const answer = await question().catch(() => false);
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${within} ms for ${what}`);
    await delay(50);
  }
}

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref());

let nextPort = (process.pid * 50) % 20_000;

/**
 * A port that nobody had a moment ago, and that nobody is given who asks for any port: below the range of those. Files of tests that run beside one another begin
 * fifty apart.
 */
export async function freePort() {
  for (;;) {
    const port = 11_000 + nextPort;
    nextPort = (nextPort + 1) % 20_000;
    if (await isFree(port)) return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A folder that is gone when the tests are over. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "tokigate-test-"));
  folders.add(folder);
  return folder;
}

process.on("exit", () => {
  for (const child of running) killGroup(child);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
