// What each server makes of the same targets, asked directly: the table of docs/paths.md. node tests/interop/paths/table.mjs
import { freePort } from "../../e2e/support/processes.mjs";
import { burst } from "./burst.mjs";
import { SERVERS, readTold } from "./servers.mjs";

const TARGETS = ["/a%2Fb", "/a//b", "/a;x/b", "/a%5Cb", "/a/../b", "/a/%2e%2e/b", "/a/%252e%252e/b", "//h/a", "/a/"];

console.log(`| server and reader | ${TARGETS.map((target) => `\`${target}\``).join(" | ")} |`);
console.log(`|---|${TARGETS.map(() => "---|").join("")}`);
for (const server of SERVERS.filter(({ missing }) => !missing)) {
  const port = await freePort();
  const program = await server.start(port);
  const rows = new Map();
  const requests = TARGETS.map((target) => ({ method: "GET", target }));
  await burst(port, `localhost:${port}`, requests.values(), ({ target }, answer) => {
    const told = readTold(answer);
    for (const [reader, path] of told?.readings ?? []) rows.set(reader, { ...rows.get(reader), [target]: `\`${path}\`` });
    if (!told) rows.set("", { ...rows.get(""), [target]: `${answer.status}` });
  });
  const refused = rows.get("") ?? {};
  rows.delete("");
  for (const [reader, paths] of rows) console.log(`| ${server.name}: ${reader} | ${TARGETS.map((target) => paths[target] ?? refused[target] ?? "–").join(" | ")} |`);
  await program.stop("SIGKILL");
}
process.exit(0);
