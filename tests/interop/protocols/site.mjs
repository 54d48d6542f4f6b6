// What every server behind the gate answers, and how Node's own servers do it. Below any first segment:
//
//   GET  …/tell    the request as this server understood it, as JSON: protocol, method, target, host, user, forwarded
//   POST …/count   { bytes, sha256 }: what arrived
//   GET  …/bytes   MEBIBYTE
import { createHash } from "node:crypto";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

export const MEBIBYTE = Buffer.alloc(1024 ** 2, "tokigate ");
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function answer(request, response) {
  const { headers } = request;
  const json = (value) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(value));
  };
  const path = request.url.split("?")[0];
  if (path.endsWith("/bytes")) {
    response.setHeader("content-type", "application/octet-stream");
    request.resume();
    return response.end(MEBIBYTE);
  }
  if (path.endsWith("/count")) {
    const hash = createHash("sha256");
    let bytes = 0;
    request.on("data", (piece) => {
      bytes += piece.length;
      hash.update(piece);
    });
    return request.on("end", () => json({ bytes, sha256: hash.digest("hex") }));
  }
  request.resume();
  return json({
    protocol: `HTTP/${request.httpVersion === "2.0" ? "2" : request.httpVersion}`,
    method: request.method,
    target: request.url,
    host: request.authority ?? headers.host,
    user: headers["x-forwarded-user"],
    forwarded: headers["x-forwarded-for"],
    cookie: headers.cookie,
    certificate: headers["client-cert"],
  });
}

async function listen(server) {
  const open = new Set();
  for (const event of ["connection", "secureConnection"]) {
    server.on(event, (socket) => open.add(socket.on("close", () => open.delete(socket)).on("error", () => {})));
  }
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    stop: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

export function startNodeHttp1() {
  const server = http.createServer(answer);
  server.keepAliveTimeout = 60_000;
  return listen(server);
}

export const startNodeH2c = () => listen(http2.createServer({}, answer));

/** HTTP/2 by ALPN. */
export const startNodeTls = ({ cert, key }) => listen(http2.createSecureServer({ cert, key }, answer));

export const startNodeHttps = ({ cert, key }) => listen(https.createServer({ cert, key, keepAliveTimeout: 60_000 }, answer));
