// Resident memory per connection on which nothing happens any more, after one request.
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { childrenOf } from "./contestants.mjs";

const AT_ONCE = 20;

/** Bytes for each of `number`. The connections stay open until `held` is closed, so that nobody gets what another has left. */
export async function perConnection(wire, proxy, number, held) {
  const more = async (wanted) => {
    for (let begun = 0; begun < wanted; begun += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, wanted - begun) }, () => open(wire, proxy));
      held.push(...(await Promise.all(some)));
    }
    await pause(300);
    return resident(proxy.pid);
  };
  // What the first ones cost is in part the wire's, not theirs.
  const before = await more(Math.ceil(number / 5));
  return ((await more(number)) - before) / number;
}

/** Resolves to what closes it. */
function open(wire, { port, authority, cookie }) {
  const headers = { accept: "text/html", cookie };
  return new Promise((resolve, reject) => {
    const done = (status, close) => (status === 200 ? resolve(close) : reject(new Error(`${wire.name}: answered ${status}`)));
    if (wire.h2) {
      const scheme = wire.secure ? "https" : "http";
      const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: "localhost" });
      session.on("error", reject);
      const stream = session.request({ ":path": "/page", ":authority": authority, ...headers });
      stream.on("response", (head) => stream.resume().on("end", () => done(head[":status"], () => session.destroy())));
      return;
    }
    const { Agent, get } = wire.secure ? https : http;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const request = { host: "127.0.0.1", port, path: "/page", agent, rejectUnauthorized: false, servername: "localhost", headers: { host: authority, ...headers } };
    get(request, (response) => response.resume().on("end", () => done(response.statusCode, () => agent.destroy()))).on("error", reject);
  });
}

/** Of a process and its children. */
function resident(pid) {
  const own = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
  return childrenOf(pid).map(resident).reduce((sum, part) => sum + part, own);
}
