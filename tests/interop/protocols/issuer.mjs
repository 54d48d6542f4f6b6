// Who signs access tokens for programs: keys at an address, and tokens as RFC 9068 has them.
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import http from "node:http";

const AUDIENCE = "https://api.example.mn";

/** Resolves to { toml: what the gate has to know of it, token(user), stop() }. */
export async function startIssuer() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" }];
  const server = http.createServer((_, response) => response.setHeader("content-type", "application/json").end(JSON.stringify({ keys })));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return {
    toml: `
[[bearer]]
issuer = "${issuer}"
audience = "${AUDIENCE}"
jwks_uri = "${issuer}/jwks"
`,
    token(user) {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: issuer, aud: AUDIENCE, sub: user, client_id: "robots", iat: now, exp: now + 300, jti: randomUUID() };
      const signed = `${part({ alg: "ES256", typ: "at+jwt", kid: "one" })}.${part(claims)}`;
      return `${signed}.${sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
