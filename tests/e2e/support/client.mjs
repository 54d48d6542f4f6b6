// A browser without a page: one cookie jar, redirects on request, targets sent byte for byte. It can see what a real browser hides:
// every Set-Cookie, every redirect.
import http from "node:http";
import https from "node:https";

const NAVIGATION = { accept: "text/html,application/xhtml+xml", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

export class Client {
  /** `cookies` by host name: browsers do not tell ports apart either. */
  constructor({ ca } = {}) {
    this.cookies = new Map();
    this.ca = ca;
    this.trail = [];
  }

  /**
   * One request. `url` may carry a target that no URL parser would leave as it is.
   * Resolves to { status, headers, setCookies, body, url }.
   */
  request(url, { method = "GET", headers = {}, body, keepCookies = true, within = 20_000 } = {}) {
    const [, origin, target] = /^(https?:\/\/[^/]+)(.*)$/.exec(url);
    const { protocol, hostname, port } = new URL(origin);
    const lines = { ...headers };
    const cookie = this.cookieHeader(hostname, protocol === "https:");
    if (cookie && !("cookie" in lines)) lines.cookie = cookie;
    if (body !== undefined && !("content-length" in lines)) lines["content-length"] = Buffer.byteLength(body);
    const { request } = protocol === "https:" ? https : http;
    return new Promise((resolve, reject) => {
      const sent = request(
        { hostname: dial(hostname), servername: hostname, port, method, path: target || "/", ca: this.ca, agent: false,
          headers: { host: new URL(origin).host, ...lines } },
        (response) => {
          const chunks = [];
          response.on("data", (chunk) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const setCookies = response.headers["set-cookie"] ?? [];
            if (keepCookies) for (const line of setCookies) this.store(hostname, line);
            const text = Buffer.concat(chunks).toString("utf8");
            this.trail.push(`${method} ${url} -> ${response.statusCode} ${response.headers.location ?? ""}`);
            resolve({ status: response.statusCode, headers: response.headers, setCookies, body: text, url });
          });
        },
      );
      sent.setTimeout(within, () => sent.destroy(new Error(`${method} ${url}: no answer in ${within} ms`)));
      sent.on("error", reject);
      sent.end(body);
    });
  }

  /** A page load: follows redirects, as the address bar does. */
  async open(url, options = {}) {
    let answer = await this.request(url, { ...options, headers: { ...NAVIGATION, ...options.headers } });
    for (let step = 0; isRedirect(answer.status); step += 1) {
      if (step > 20) throw new Error(`a redirect loop:\n${this.trail.slice(-21).join("\n")}`);
      answer = await this.request(new URL(answer.headers.location, answer.url).href, { headers: NAVIGATION });
    }
    return answer;
  }

  /** Fills in the page's form that has a field of each name in `fields` (none: the first form) and sends it as a page load. */
  submit(page, fields = {}) {
    const form = formsOf(page.body).find((candidate) => Object.keys(fields).every((name) => name in candidate.fields));
    if (!form) throw new Error(`no form with ${Object.keys(fields)} on ${page.url}:\n${page.body.slice(0, 2000)}`);
    const filled = new URLSearchParams({ ...form.fields, ...fields }).toString();
    const action = new URL(form.action || page.url, page.url);
    if (form.method === "GET") {
      action.search = filled;
      return this.open(action.href);
    }
    const headers = { "content-type": "application/x-www-form-urlencoded", origin: new URL(page.url).origin, referer: page.url };
    return this.open(action.href, { method: "POST", headers, body: filled });
  }

  cookieHeader(hostname, secure) {
    const now = Date.now();
    return [...(this.cookies.get(hostname)?.values() ?? [])]
      .filter((cookie) => cookie.until > now && (secure || !cookie.secure))
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join("; ");
  }

  /** Names of the cookies kept for a host name. */
  names(hostname) {
    return [...(this.cookies.get(hostname)?.keys() ?? [])];
  }

  store(hostname, line) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf("="));
    const value = pair.slice(pair.indexOf("=") + 1);
    const maxAge = attributes.map((text) => /^max-age=(-?\d+)$/i.exec(text)).find(Boolean);
    const secure = attributes.some((text) => /^secure$/i.test(text));
    const jar = this.cookies.get(hostname) ?? new Map();
    this.cookies.set(hostname, jar);
    const expired = attributes.some((text) => /^expires=.*1970/i.test(text));
    if (expired || (maxAge && Number(maxAge[1]) <= 0)) jar.delete(name);
    else jar.set(name, { name, value, secure, until: maxAge ? Date.now() + Number(maxAge[1]) * 1000 : Infinity });
  }

  /** Another client that holds the same cookies now, and keeps its own from here on. */
  copy() {
    const twin = new Client({ ca: this.ca });
    for (const [host, jar] of this.cookies) twin.cookies.set(host, new Map(jar));
    return twin;
  }
}

/** What a script sends: never redirected to a sign-in. */
export const SCRIPT = { accept: "application/json", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin" };

export const isRedirect = (status) => [301, 302, 303, 307, 308].includes(status);

// Every name the tests use is this machine, without asking a resolver.
const dial = (hostname) => (hostname.endsWith("localhost") || hostname.endsWith(".example.mn") ? "127.0.0.1" : hostname);

/** The forms of a page: { action, method, fields }. */
function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, inside]) => {
    const fields = {};
    for (const [, tag, attributes] of inside.matchAll(/<(input|button|select|textarea)\b([^>]*)>/gi)) {
      const name = attribute(attributes, "name");
      const type = attribute(attributes, "type");
      if (!name || (tag.toLowerCase() === "button" && name in fields)) continue;
      if ((type === "radio" || type === "checkbox") && name in fields && !/\bchecked\b/i.test(attributes)) continue;
      fields[name] = attribute(attributes, "value") ?? "";
    }
    return { action: attribute(head, "action"), method: (attribute(head, "method") ?? "get").toUpperCase(), fields };
  });
}

function attribute(text, name) {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, "i").exec(text);
  const value = found && (found[1] ?? found[2] ?? found[3]);
  return value == null ? undefined : value.replace(/&amp;/g, "&").replace(/&quot;/g, '"').replace(/&#x?[0-9a-f]+;/gi, decodeEntity);
}

const decodeEntity = (entity) => {
  const digits = entity.slice(2, -1);
  return String.fromCodePoint(/^x/i.test(digits) ? parseInt(digits.slice(1), 16) : parseInt(digits, 10));
};
