// Request targets as an attacker writes them.

/** Whole segments of what rules name; single letters of them, and in other cases. */
const NAMES = ["assets", "admin", "api", "private", "account", "Account", "files", "shared", "docs", "a.html", "secret.txt", "x", "A",
  "ADMIN", "Assets", "Private", "aDmin", "apı", "%61dmin", "adm%69n", "%2561dmin", "%41ssets", "p%72ivate", "%41ccount", "%E2%84%AA"];
/** What some server takes for a slash, a dot, the end of a segment, or nothing. */
const TRICKS = ["..", ".", "...", "%2e", "%2E%2e", ".%2e", "%252e%252e", "%2e%2e%2f", "..;", "..;x=1", ";", ";x", ";/..", "%3b", "%253b", "..%3b",
  "%2f", "%2F", "%252f", "%5c", "%255C", "\\", "%25", "%23", "%3f", "?", "#", ":80", ":", "@", "+", "*", "~", "%00", "%0a", "%0d%0a", "%09", "%20", "%7f",
  "%", "%2", "%zz", "%u002e", "%c0%ae", "%c0%af", "%e0%80%af", "%ff", "%D0%91", "%EF%BC%8F", "%E2%80%A5", "%ef%bc%8e", ".html", "2e", "2f", "5c",
  "é"];
const SLASHES = ["/", "/", "/", "/", "//", "///", "", "/./", "/../", "/;/", "/.;/", "/..;/", "%2f", "\\"];
const STARTS = ["/", "/", "/assets/", "/api/", "/admin", "/docs/", "/files/x/shared/", "/x/", "//", "//x/", "///", "/.", "/%2e%2e/", "/Account/", "/api/private",
  "/;/", "/assets/..", "/api/.."];
/** Openings above, and then a way to what is closed. */
const ENDS = ["", "", "", "", "/admin", "/admin/", "/api/private/x", "/account", "/secret.txt", "/private/x", "?/assets/", "?x=/../admin", "/", ";", "%20", ".", "/a.html",
  ";.html", "%2f.html", "%23.html"];
const METHODS = ["GET", "GET", "GET", "GET", "GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "QUERY"];

/** What once got through. */
const FOUND = ["/%2e%2e/admin/%2e%2e%2f", "/%2e%2e/adm%69n/%2e%2e%2f:80////", "/%2e%2e/admin/./%2e%2e%2f/.;/", "/%2e%2e/Account/%2e%2e%2f/",
  "/assets/..%41ssets%2f%E2%84%AA//.%2e/../%2f.html", "/assets/..%2fx//%2e%2e/../%2fadmin", "//x/admin", "/account/", "/api/private/x/"];

/** A stream of { method, target }, the same for the same seed. */
export function* hostileTargets(seed) {
  for (const target of FOUND) yield { method: "GET", target };
  const random = mulberry32(seed);
  const one = (list) => list[Math.floor(random() * list.length)];
  for (;;) {
    let target = one(STARTS);
    for (let pieces = Math.floor(random() * 4); pieces > 0; pieces -= 1) target += (random() < 0.5 ? one(NAMES) : one(TRICKS)) + one(SLASHES);
    target += one(ENDS);
    // Half the alphabet of everything is refused at the door; what is refused tests no application.
    if (/[\\#é ı]/.test(target) && random() < 0.9) continue;
    if (!target.startsWith("/") && random() < 0.9) target = `/${target}`;
    yield { method: one(METHODS), target };
  }
}

function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
