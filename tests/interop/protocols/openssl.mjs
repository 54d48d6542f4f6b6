// openssl s_client: one handshake, and one request over it.
import { spawn } from "node:child_process";

/** Resolves to { version, reused, alpn, subject, group, status, text }, of which there is only the last where no handshake came to its end. */
export function sClient(port, { host, caFile, args = [], target = "/", request = true }) {
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", caFile, "-verify_return_error", ...(request ? ["-ign_eof"] : []), ...args], { stdio: "pipe" });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (text += piece));
  child.stdin.on("error", () => {});
  // Its answer's end is the connection's, so that what TLS 1.3 sends after the handshake has come.
  child.stdin.write(request ? `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n` : "");
  if (!request) child.stdin.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  return new Promise((resolve) => child.on("close", () => {
    clearTimeout(timer);
    const [, how, version, cipher] = /^(New|Reused), (TLSv[\d.]+|\(NONE\)|SSLv\S+), Cipher is (\S+)/m.exec(text) ?? [];
    if (!cipher || cipher === "(NONE)" || /SSL alert number/.test(text)) return resolve({ reused: false, text });
    return resolve({
      version: /^ *Protocol *: (TLSv[\d.]+)/m.exec(text)?.[1] ?? version,
      reused: how === "Reused",
      alpn: /^ALPN protocol: (.*)$/m.exec(text)?.[1],
      subject: /^subject=.*?CN ?= ?(.*)$/m.exec(text)?.[1],
      // "X25519, 253 bits", "ECDH, prime256v1, 256 bits"
      group: /^(?:Server|Peer) Temp Key: (?:ECDH, )?([^,]*),/m.exec(text)?.[1],
      status: Number(/^HTTP\/1\.1 (\d{3})/m.exec(text)?.[1]) || undefined,
      text,
    });
  }));
}
