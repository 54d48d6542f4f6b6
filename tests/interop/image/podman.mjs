// The image under test, run by podman.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);
const started = new Set();

export const IMAGE = process.env.TOKIGATE_IMAGE;

/** Runs podman; resolves to what it printed, rejects with what it complained about. */
export const podman = async (...args) => (await run("podman", args, { timeout: 60_000 })).stdout.trim();

/** Starts a container as a cluster would: read-only, without capabilities or a way to gain them. `options` go before the image. */
export async function startContainer(options, command = []) {
  const hardened = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=128m", "--pids-limit=50"];
  const id = await podman("run", "--detach", ...hardened, ...options, IMAGE, ...command);
  started.add(id);
  return {
    id,
    logs: () => podman("logs", id),
    remove: () => podman("rm", "--force", "--time=0", id).finally(() => started.delete(id)),
    /** Fields of /proc/PID/status. */
    async status() {
      const pid = await podman("inspect", id, "--format", "{{.State.Pid}}");
      return Object.fromEntries(readFileSync(`/proc/${pid}/status`, "utf8").split("\n").map((line) => line.split(/:\s+/)));
    },
  };
}

export const settings = (values) => Object.entries(values).flatMap(([name, value]) => ["--env", `TOKIGATE_${name}=${value}`]);
