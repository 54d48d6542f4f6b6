// docs/protocols.md: what the tests of protocols-*.test.mjs came to. Each of these files has sections of the page, and compares them with what is
// written there; with PROTOCOLS=write (tests/run protocols) it writes them. Everything before the first section is written by hand.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { versions } from "./programs.mjs";

const PAGE = new URL("../../../docs/protocols.md", import.meta.url);
const MARK = "<!-- From here on: written by tests/run protocols. -->";
/** In this order. */
const SECTIONS = ["HTTP", "Many at once", "TLS", "Client certificates", "PROXY protocol", "WebSocket", "gRPC", "gRPC-Web", "Programs"];

/** A section: `note` stands before its table, whose first `keys` columns name a row. */
export function section(title, { note, columns, keys }) {
  assert.ok(SECTIONS.includes(title), title);
  const rows = new Map();
  const absent = [];
  const keyOf = (cells) => cells.slice(0, keys).join(" | ");
  return {
    row(...cells) {
      assert.equal(cells.length, columns.length, `${cells}`);
      rows.set(keyOf(cells), line(cells));
    },
    /** A program that is not on this machine: rows with its name are not compared. */
    without: (name) => absent.push(name),
    /** Compares, or writes. */
    settle() {
      if (process.env.PROTOCOLS_ONLY) return;
      const page = readFileSync(PAGE, "utf8");
      const [prose, written] = page.split(MARK);
      const sections = new Map(written.split(/^## /m).slice(1).map((text) => [text.split("\n")[0], text.slice(text.indexOf("\n")).trim()]));
      const kept = tableOf(sections.get(title) ?? "").filter((text) => absent.some((name) => text.split(" | ").includes(name) || text.startsWith(`| ${name} |`)));
      const head = [line(columns), line(columns.map(() => "---"))];
      if (process.env.PROTOCOLS === "write") {
        assert.deepEqual(absent, [], "a page is written on a machine that has all programs");
        sections.set(title, [...(note ? [note, ""] : []), ...head, ...rows.values()].join("\n"));
        // Those of this machine; nothing is compared with them.
        sections.set("Programs", [`What the tables were written with; other versions are other rows only where they behave otherwise.`, "",
          line(["program", "version"]), line(["---", "---"]), ...versions().map(line)].join("\n"));
        const text = SECTIONS.filter((name) => sections.has(name)).map((name) => `## ${name}\n\n${sections.get(name)}\n`).join("\n");
        writeFileSync(PAGE, `${prose}${MARK}\n\n${text}`);
        return;
      }
      const told = (sections.get(title) ?? "").split("\n");
      const came = [...(note ? [...note.split("\n"), ""] : []), ...head, ...rows.values()];
      const without = (lines) => lines.filter((text) => !kept.includes(text));
      assert.deepEqual(without(told), without(came), "docs/protocols.md is not what this run makes of it; write it with: tests/run protocols");
    },
  };
}

const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
const tableOf = (text) => text.split("\n").filter((entry) => entry.startsWith("| "));
