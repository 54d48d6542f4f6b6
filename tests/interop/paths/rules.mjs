// Two sets of rules, and what they say of a path that somebody has understood already.

const rule = (path, access, methods) => ({ path, access, methods });

/** All but a few folders needs a session. */
const FEW_ARE_OPEN = [
  rule("/api/private/**", "user"),
  rule("/assets/private/**", "deny"),
  rule("/assets/**", "public"),
  rule("/api/**", "public", ["GET"]),
  rule("/files/*/shared/**", "optional"),
  rule("/docs/*.html", "public"),
];

/** All but a few folders is open: whatever they are called, in every spelling. */
const FEW_ARE_CLOSED = [
  rule("/admin/**", "deny"),
  rule("/api/private/**", "user"),
  rule("/Account/**", "user"),
  rule("/**/secret.txt", "user"),
  rule("/api/**", "deny", ["POST", "PUT", "PATCH", "DELETE"]),
  rule("/**", "public"),
];

export const SETS = [
  { name: "few are open", rules: FEW_ARE_OPEN },
  { name: "few are closed", rules: FEW_ARE_CLOSED },
];

export const toToml = (rules) =>
  rules
    .map(({ path, access, methods }) => `[[rules]]\npath = "${path}"\naccess = "${access}"\n${methods ? `methods = ${JSON.stringify(methods)}\n` : ""}`)
    .join("\n");

/**
 * Whether everybody may have the resource of this name: the first rule that matches says so. What closes matches without regard to case,
 * as file systems and routers do; what opens, to the letter.
 */
export function isOpen(rules, method, path) {
  for (const { regex, folded, access, methods } of rules.map(compiled)) {
    if (methods && !methods.includes(method)) continue;
    const opens = access === "public" || access === "optional";
    if (opens ? regex.test(path) : folded.test(path)) return opens;
  }
  return false;
}

/** What a gate would say that takes the target for its only reading. */
export function isOpenAsSent(rules, method, target) {
  const path = target.split("?")[0];
  for (const { regex, access, methods } of rules.map(compiled)) {
    if ((!methods || methods.includes(method)) && regex.test(path)) return access === "public" || access === "optional";
  }
  return false;
}

const known = new Map();

function compiled(written) {
  if (!known.has(written)) {
    const segments = written.path.split("/").slice(1);
    const text = segments.map((segment) => (segment === "**" ? "(?:/[^/]*)*" : `/${segment.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}`)).join("");
    known.set(written, { ...written, regex: new RegExp(`^${text}$`, "s"), folded: new RegExp(`^${text}$`, "isu") });
  }
  return known.get(written);
}
