// Servers, a provider, and a gate before them, with somebody signed in.
import { createHash, X509Certificate } from "node:crypto";
import { signIn, startCertifiedProvider } from "../../e2e/support/certified.mjs";
import { Client } from "../../e2e/support/client.mjs";
import { freshKey, startGate } from "../../e2e/support/gate.mjs";
import { freePort } from "../../e2e/support/processes.mjs";

/**
 * A gate on localhost, plain or (with a `certificate` of `authority`) on TLS; `routes`: [[path's first segment, upstream's address], …], each also with
 * a public part. `rules` and `more` are further TOML, before those rules and at the end; `head` at the top. Resolves to the gate with { address, cookie, ca, caFile, pins, stop }.
 */
export async function startGateBefore(routes, { authority, certificate, rules = "", head = "", more = "" } = {}) {
  const port = await freePort();
  const address = `${certificate ? "https" : "http"}://localhost:${port}`;
  const provider = await startCertifiedProvider({ redirectUris: [`${address}/oauth2/callback`], accessTokenSeconds: 3600 });
  const route = ([path, upstream]) => `
[[rules]]
path = "/${path}/public/**"
access = "public"
upstream = "${upstream}"
[[rules]]
path = "/${path}/**"
upstream = "${upstream}"
`;
  const gate = await startGate(
    `public_url = "${address}"
upstream = "${routes[0][1]}"
${head}
${certificate ? `[tls]\ncert_file = "${certificate.certFile}"\nkey_file = "${certificate.keyFile}"\n` : ""}
[provider]
preset = "oidc"
issuer = "${provider.issuer}"
client_id = "app-rs256"
scopes = ["openid", "offline_access", "email", "profile"]
[session]
keys = ["${freshKey()}"]
${rules}${routes.map(route).join("")}${more}`,
    { port },
  ).catch(async (error) => {
    await provider.close();
    throw error;
  });
  /** Somebody new, signed in: { cookie, signOut() }. */
  const newPerson = async (login) => {
    const client = new Client({ ca: authority?.ca });
    // Wherever it leads: not every application has pages.
    await signIn(client, `${address}/oauth2/start`, login);
    const session = await client.request(`${address}/oauth2/session`);
    if (session.status !== 200) throw new Error(`nobody could sign in: ${session.status} ${session.body}\n${gate.output()}`);
    return {
      cookie: client.cookieHeader("localhost", certificate !== undefined),
      signOut: () => client.open(`${address}/oauth2/sign_out`, { headers: { "sec-fetch-site": "same-origin" } }),
    };
  };
  const stop = async () => {
    await gate.stop("SIGKILL");
    await provider.close();
  };
  const first = await newPerson().catch(async (error) => {
    await stop();
    throw error;
  });
  const secured = certificate && { ca: authority.ca, caFile: authority.caFile, pins: pinOf(certificate.cert) };
  return {
    port,
    address,
    gate,
    first: routes[0][0],
    cookie: first.cookie,
    signIn: newPerson,
    ...secured,
    stop,
  };
}

/** By which Chromium takes a certificate whose authority it does not know. */
export function pinOf(certificate) {
  const { publicKey } = new X509Certificate(certificate);
  return createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64");
}
