// An application behind the gate: it tells what reached it.
import http from "node:http";

/**
 * GET /bytes?n=…   that many bytes, streamed
 * POST /count      { bytes }: how many arrived
 * GET /events?n=…  that many server-sent events, each with the time it was sent
 * anything else    { method, target, headers: [[name, value], …] } as JSON
 */
export async function startApplication() {
  const seen = [];
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://application");
    const answer = (body) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(body));
    };
    if (pathname === "/bytes") return stream(response, Number(searchParams.get("n")));
    if (pathname === "/events") return events(response, Number(searchParams.get("n")));
    if (pathname === "/count") {
      let bytes = 0;
      request.on("data", (chunk) => (bytes += chunk.length));
      request.on("end", () => answer({ bytes }));
      return undefined;
    }
    const headers = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    seen.push({ method: request.method, target: request.url, headers });
    request.resume();
    return request.on("end", () => answer({ method: request.method, target: request.url, headers }));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    seen,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The values of a header in an application's answer, without regard to case. */
export const header = (told, name) =>
  told.headers.filter(([known]) => known.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

function stream(response, wanted) {
  const block = Buffer.alloc(64 * 1024, "tokigate ");
  let left = wanted;
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": wanted });
  const go = () => {
    while (left > 0) {
      const part = left >= block.length ? block : block.subarray(0, left);
      left -= part.length;
      if (!response.write(part)) return response.once("drain", go);
    }
    return response.end();
  };
  go();
}

function events(response, wanted) {
  let sent = 0;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const clock = setInterval(() => {
    response.write(`data: ${Date.now()}\n\n`);
    sent += 1;
    if (sent === wanted) {
      clearInterval(clock);
      response.end();
    }
  }, 40);
  response.on("close", () => clearInterval(clock));
}
