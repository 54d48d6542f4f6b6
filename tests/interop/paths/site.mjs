// Node: every way in which its programs read a target. Prints its port.
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import url from "node:url";

const express = createRequire(new URL("../../e2e/package.json", import.meta.url))("express");

/** express says which of its routes matched; they are blind to case, and to a slash at the end. */
const app = express();
const tell = (reading) => (request, response, next) => {
  response.locals.readings.push(["express", reading]);
  next();
};
for (const name of ["admin", "api/private", "account", "assets/private"]) app.use(`/${name}`, tell(`/${name}`));
app.get("/account/secret.txt", tell("/account/secret.txt"));
app.use((request, response) => answer(response, request, response.locals.readings));

const attempt = (name, read) => {
  try {
    const reading = read();
    return typeof reading === "string" ? [[name, reading]] : [];
  } catch {
    return [];
  }
};

const server = http.createServer((request, response) => {
  const target = request.url;
  const pathname = target.split("?")[0];
  const whatwg = () => new URL(target, "http://application").pathname;
  response.locals = {};
  const readings = [
    ...attempt("url", () => pathname),
    ...attempt("new URL(url, base)", whatwg),
    ...attempt("new URL(base + url)", () => new URL(`http://application${target}`).pathname),
    ...attempt("decoded new URL", () => decodeURIComponent(whatwg())),
    ...attempt("url.parse", () => url.parse(target).pathname),
    ...attempt("decoded", () => decodeURIComponent(pathname)),
    ...attempt("decoded, normalized", () => path.posix.normalize(decodeURIComponent(pathname))),
    ...attempt("decoded, normalized as on Windows", () => path.win32.normalize(decodeURIComponent(pathname)).replaceAll("\\", "/")),
  ];
  Object.assign(response.locals, { readings });
  app(request, Object.assign(response, { locals: { readings } }));
});

function answer(response, request, readings) {
  response.end([`${request.method} ${request.originalUrl}`, ...readings.map(([name, reading]) => `${name}\t${reading}`)].join("\n"));
}

server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
