// Raw requests over a few connections, several under way on each if `depth` says so: no client library tidies the targets up.
import net from "node:net";

/**
 * Sends `requests` (an iterator of { method, target }) to a port; `each` gets (request, { status, head, body }), in no order. Ends when the iterator
 * does. A request whose connection ended without an answer is sent once more, alone; then its status is 0.
 */
export async function burst(port, host, requests, each, { depth = 1, connections = 8 } = {}) {
  const lines = Array.from({ length: connections }, () => line(port, host, requests, each, depth));
  await Promise.all(lines);
}

async function line(port, host, requests, each, depth) {
  let again = [];
  for (;;) {
    const batch = again.splice(0, 1);
    while (again.length === 0 && batch.length < depth && !batch[0]?.tried) {
      const { value, done } = requests.next();
      if (done) break;
      batch.push({ request: value });
    }
    if (batch.length === 0) return;
    const unanswered = await converse(port, host, requests, batch, each, depth);
    for (const sent of unanswered) {
      if (sent.tried) each(sent.request, { status: 0, head: "", body: "" });
      else again.push({ ...sent, tried: true });
    }
  }
}

/** One connection's life; resolves to what it left unanswered. New requests follow as answers come. */
function converse(port, host, requests, waiting, each, depth) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    const alone = waiting[0].tried;
    let buffer = Buffer.alloc(0);
    const write = (some) => socket.write(some.map(({ request }) => asBytes(request, host)).join(""));
    const end = () => {
      socket.destroy();
      resolve(waiting);
    };
    socket.on("error", () => {});
    socket.on("close", () => {
      const answer = readAnswer(buffer, true);
      if (answer && waiting.length) each(waiting.shift().request, answer);
      resolve(waiting);
    });
    socket.setTimeout(20_000, end);
    socket.on("data", (chunk) => {
      buffer = buffer.length ? Buffer.concat([buffer, chunk]) : chunk;
      for (let answer; waiting.length && (answer = readAnswer(buffer, false)); ) {
        buffer = buffer.subarray(answer.length);
        each(waiting.shift().request, answer);
        if (/\r\nconnection: close/i.test(answer.head)) return end();
      }
      const more = [];
      while (!alone && waiting.length + more.length <= depth / 2) {
        const { value, done } = requests.next();
        if (done) break;
        more.push({ request: value });
      }
      waiting.push(...more);
      if (more.length) write(more);
      if (waiting.length === 0) end();
      return undefined;
    });
    write(waiting);
  });
}

const asBytes = ({ method, target }, host) => `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n${method === "GET" ? "" : "Content-Length: 0\r\n"}\r\n`;

/** The first answer in the bytes, or undefined where it is not whole yet; `ended`: what stands there is all. */
function readAnswer(buffer, ended) {
  const split = buffer.indexOf("\r\n\r\n");
  if (split < 0) return undefined;
  const head = buffer.toString("latin1", 0, split);
  const status = Number(head.slice(9, 12));
  if (status === 100) return undefined;
  const start = split + 4;
  if (status === 204 || status === 304) return { status, head, body: "", length: start };
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length) {
    const until = start + Number(length[1]);
    return buffer.length >= until ? { status, head, body: buffer.toString("utf8", start, until), length: until } : undefined;
  }
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return readChunks(buffer, start, status, head);
  return ended ? { status, head, body: buffer.toString("utf8", start), length: buffer.length } : undefined;
}

function readChunks(buffer, start, status, head) {
  const parts = [];
  for (let at = start; ; ) {
    const end = buffer.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = Number.parseInt(buffer.toString("latin1", at, end), 16);
    if (buffer.length < end + 4 + size) return undefined;
    if (size === 0) return { status, head, body: Buffer.concat(parts).toString("utf8"), length: end + 4 };
    parts.push(buffer.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
}
