// npm `oidc-provider`, certified by the OpenID Foundation: strict PKCE, refresh tokens that rotate, and a family that is revoked when
// an old one comes back. It runs inside the test, which counts what it is asked.
import { generateKeyPairSync } from "node:crypto";
import http from "node:http";
import { Provider } from "oidc-provider";

export const PEOPLE = {
  bat: { sub: "bat", email: "bat@example.mn", email_verified: true, preferred_username: "Бат Дорж", groups: ["admin", "ажилтан"] },
  saruul: { sub: "saruul", email: "saruul@example.mn", email_verified: true, preferred_username: "Саруул", groups: [] },
};

/**
 * Starts a provider on loopback. `redirectUris` belong to two clients, `app-rs256` and `app-es256`, which want their ID tokens
 * signed so; both are told of ended sessions at `backchannelLogoutUri`. `accessTokenSeconds` is how long an access token lives. With
 * `clientKeys` (a JWK Set) there is a third, `app-key`, that has to sign who it is; `demandPushed` wants authorization requests pushed.
 * Resolves to { issuer, counts, close() }; `counts` has codes, refreshes, refused, revoked, told, pushed, revocations, ended.
 */
export async function startCertifiedProvider({ redirectUris, postLogoutRedirectUris = [], backchannelLogoutUri, accessTokenSeconds = 5, clientKeys,
  demandPushed = false }) {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const counts = { codes: 0, refreshes: 0, refused: 0, revoked: 0, told: [], pushed: 0, revocations: 0, ended: 0 };

  const client = (algorithm) => ({
    client_id: `app-${algorithm.toLowerCase()}`,
    token_endpoint_auth_method: "none",
    redirect_uris: redirectUris,
    post_logout_redirect_uris: postLogoutRedirectUris,
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    id_token_signed_response_alg: algorithm,
    ...(backchannelLogoutUri && { backchannel_logout_uri: backchannelLogoutUri, backchannel_logout_session_required: true }),
  });
  const signs = { ...client("RS256"), client_id: "app-key", token_endpoint_auth_method: "private_key_jwt", jwks: clientKeys };
  const provider = new Provider(issuer, {
    clients: [client("RS256"), client("ES256"), ...(clientKeys ? [signs] : [])],
    clientAuthMethods: ["none", "private_key_jwt"],
    enabledJWA: { clientAuthSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
    jwks: { keys: [signingKey("rsa", { modulusLength: 2048 }, "RS256"), signingKey("ec", { namedCurve: "P-256" }, "ES256")] },
    cookies: { keys: ["a key for the provider's own cookies"] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_context, candidate) => candidate.grantTypeAllowed("refresh_token"),
    conformIdTokenClaims: false,
    scopes: ["openid", "offline_access", "email", "profile", "groups"],
    claims: { openid: ["sub", "groups"], email: ["email", "email_verified"], profile: ["preferred_username"] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => PEOPLE[id] ?? { sub: id } }),
    // As it is, it calls no address of this machine.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    features: { devInteractions: { enabled: true }, revocation: { enabled: true }, backchannelLogout: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: demandPushed } },
    ttl: { AccessToken: accessTokenSeconds, IdToken: 60, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600, AuthorizationCode: 60 },
  });
  provider.on("grant.success", ({ oidc }) => (counts[oidc.params.grant_type === "refresh_token" ? "refreshes" : "codes"] += 1));
  provider.on("grant.error", () => (counts.refused += 1));
  provider.on("grant.revoked", () => (counts.revoked += 1));
  provider.on("backchannel.success", () => counts.told.push("success"));
  provider.on("backchannel.error", (_context, error) => counts.told.push(String(error)));
  provider.on("pushed_authorization_request.success", () => (counts.pushed += 1));
  provider.on("end_session.success", () => (counts.ended += 1));
  provider.use(async (context, next) => {
    await next();
    if (context.path === "/token/revocation" && context.status === 200) counts.revocations += 1;
  });
  server.on("request", provider.callback());

  return {
    issuer,
    counts,
    provider,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Signs `login` in on the provider's own pages, beginning at an address behind the gate; resolves to the page it ends on. */
export async function signIn(client, address, login = "bat") {
  const asked = await client.open(address);
  const consent = await client.submit(asked, { login, password: "any" });
  return client.submit(consent, { prompt: "consent" });
}

/** Signs this browser out on the provider's own pages. */
export async function signOutAtProvider(client, issuer) {
  const asked = await client.open(`${issuer}/session/end`);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked.body)[1];
  const headers = { "content-type": "application/x-www-form-urlencoded", origin: issuer };
  return client.open(`${issuer}/session/end/confirm`, { method: "POST", headers, body: `xsrf=${xsrf}&logout=yes` });
}

function signingKey(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg, kid: `test-${alg}` };
}
