// TLS at the gate's own listener, as openssl, curl, Node and Chromium meet it (docs/protocols.md).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { copyFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startBrowser } from "../e2e/support/browser.mjs";
import { freshKey, startGate } from "../e2e/support/gate.mjs";
import { freePort, temporaryFolder, until } from "../e2e/support/processes.mjs";
import { makeAuthority } from "./protocols/authority.mjs";
import { sClient } from "./protocols/openssl.mjs";
import { section } from "./protocols/page.mjs";
import { startNodeHttp1 } from "./protocols/site.mjs";
import { pinOf } from "./protocols/world.mjs";

const run = promisify(execFile);
const [FIRST, SECOND] = ["app.example.mn", "other.example.mn"];

const handshakes = section("TLS", {
  note: `Two \`certificates\`, for ${FIRST} and ${SECOND}; two workers. Of two gates with one \`ticket_key_file\`, the second takes up what the first began.`,
  columns: ["client", "offers", "TLS", "ALPN", "group", "certificate", "status"],
  keys: 2,
});
const holders = section("Client certificates", {
  note: "`client_ca_file` is written: who has no certificate of that authority does not get as far as a request. The server is told in `Client-Cert` (RFC 9440) which one it was,\nwhatever the client itself writes there.",
  columns: ["client", "shows", "TLS", "status", "Client-Cert"],
  keys: 3,
});

const PUBLIC = `
[[rules]]
path = "/**"
access = "public"
`;

async function gateOn(application, tls, port) {
  return startGate(
    `public_url = ["https://${FIRST}:${port}", "https://${SECOND}:${port}", "https://localhost:${port}"]
upstream = "http://127.0.0.1:${application}"
workers = 2
[tls]
${tls}
[provider]
client_id = "9c6dbbd8-0000-4000-8000-000000000000"
[session]
keys = ["${freshKey()}"]
${PUBLIC}`,
    { port },
  );
}

describe("TLS", () => {
  const folder = temporaryFolder();
  const authority = makeAuthority();
  const [certificate, other] = [authority.server(FIRST, "localhost"), authority.server(SECOND)];
  let server, gate, port, replica;

  before(async () => {
    server = await startNodeHttp1();
    port = await freePort();
    const tickets = join(folder, "tickets");
    writeFileSync(tickets, freshKey());
    const pair = ({ certFile, keyFile }) => `cert_file = "${certFile}"\nkey_file = "${keyFile}"\n`;
    const tls = `${pair(certificate)}ticket_key_file = "${tickets}"\n[[tls.certificates]]\n${pair(other)}`;
    gate = await gateOn(server.port, tls, port);
    replica = await gateOn(server.port, tls, await freePort());
  });

  after(async () => {
    await gate?.stop("SIGKILL");
    await replica?.stop("SIGKILL");
    await server?.stop();
  });

  /** One handshake and one request by openssl. */
  const openssl = (args, options = {}) => {
    const name = args[args.indexOf("-servername") + 1] ?? FIRST;
    return sClient(options.to ?? port, { host: `${args.includes("-servername") ? name : FIRST}:${options.to ?? port}`, caFile: authority.caFile, args, ...options });
  };

  const rows = [
    ["TLS 1.3", ["-tls1_3", "-groups", "X25519", "-servername", FIRST], { version: "TLSv1.3", subject: FIRST, group: "X25519", status: 200 }],
    ["TLS 1.2", ["-tls1_2", "-groups", "X25519:P-256", "-servername", FIRST], { version: "TLSv1.2", subject: FIRST, group: "X25519", status: 200 }],
    ["TLS 1.1", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-servername", FIRST], {}],
    ["TLS 1.2, RSA key exchange alone", ["-tls1_2", "-cipher", "AES128-GCM-SHA256", "-servername", FIRST], {}],
    ["TLS 1.2, CBC alone", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256", "-servername", FIRST], {}],
    ["P-256", ["-groups", "P-256", "-servername", FIRST], { version: "TLSv1.3", subject: FIRST, group: "prime256v1", status: 200 }],
    ["P-384", ["-groups", "P-384", "-servername", FIRST], { version: "TLSv1.3", subject: FIRST, group: "secp384r1", status: 200 }],
    ["the other name", ["-groups", "X25519", "-servername", SECOND], { version: "TLSv1.3", subject: SECOND, group: "X25519", status: 200 }],
    ["no name", ["-groups", "X25519", "-noservername"], { version: "TLSv1.3", subject: FIRST, group: "X25519", status: 200 }],
    ["ALPN http/1.1", ["-groups", "X25519", "-servername", FIRST, "-alpn", "http/1.1"], { version: "TLSv1.3", alpn: "http/1.1", subject: FIRST, group: "X25519", status: 200 }],
    ["ALPN h2", ["-groups", "X25519", "-servername", FIRST, "-alpn", "h2"], { version: "TLSv1.3", alpn: "h2", subject: FIRST, group: "X25519" }],
    ["ALPN http/1.1, h2", ["-groups", "X25519", "-servername", FIRST, "-alpn", "http/1.1,h2"], { version: "TLSv1.3", alpn: "h2", subject: FIRST, group: "X25519" }],
    ["ALPN spdy/3", ["-groups", "X25519", "-servername", FIRST, "-alpn", "spdy/3"], {}],
  ];
  for (const [offers, args, expected] of rows) {
    test(`openssl offers ${offers}`, async () => {
      const got = await openssl(args, { request: expected.status !== undefined || expected.version === undefined, target: "/tell" });
      const { version, alpn, subject, group, status } = got;
      assert.deepEqual({ version, alpn, subject, group, status }, { version: undefined, alpn: undefined, subject: undefined, group: undefined, status: undefined, ...expected }, got.text);
      handshakes.row("openssl", offers, version ?? "refused", alpn ?? "–", group ?? "–", subject ?? "–", status ?? "–");
    });
  }

  const hold = () => new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => resolve(socket)).on("error", reject);
  });

  for (const version of ["1.3", "1.2"]) {
    test(`a session of TLS ${version} is taken up again, by every worker and by the other gate`, async () => {
      const session = join(folder, `session-${version}`);
      // P-256 is in the certificate, and of TLS 1.2's groups for that.
      const args = [`-tls${version.replace(".", "_")}`, "-groups", "X25519:P-256", "-servername", FIRST];
      const first = await openssl([...args, "-sess_out", session], { target: "/tell" });
      assert.equal(first.reused, false);
      const [again, held] = [[], []];
      for (let round = 0; round < 8; round += 1) {
        // Each connection goes to the worker that has the fewest: one that is held sends the next ones to the other.
        if (round === 4) held.push(await hold());
        // A ticket of TLS 1.3 is good once for a client that keeps to the RFC; the gate does not count.
        const { reused, status } = await openssl([...args, "-sess_in", session], { target: "/tell" });
        again.push(reused && status === 200);
      }
      for (const socket of held) socket.destroy();
      assert.deepEqual(again, Array(8).fill(true));
      const there = await openssl([...args, "-sess_in", session], { to: replica.port, target: "/tell" });
      assert.deepEqual([there.reused, there.status], [true, 200], there.text);
      handshakes.row("openssl", `a session's ticket, ${version}`, `${there.version}, resumed`, "–", "X25519", FIRST, there.status);
    });
  }

  test("curl, by what its library offers", async () => {
    for (const [flag, alpn] of [["--http1.1", "http/1.1"], ["--http2", "h2"]]) {
      const args = ["-sS", "-v", flag, "--cacert", authority.caFile, "--resolve", `${SECOND}:${port}:127.0.0.1`, `https://${SECOND}:${port}/tell`, "-w", "\n%{http_code}"];
      const { stdout, stderr } = await run("curl", args);
      const spoken = /ALPN: server accepted (\S+)/.exec(stderr)?.[1];
      assert.equal(spoken, alpn, stderr);
      assert.equal(stdout.split("\n").at(-1), "200");
      handshakes.row("curl", `ALPN ${alpn}`, /SSL connection using (TLSv[\d.]+)/.exec(stderr)[1], spoken, "–", SECOND, 200);
    }
  });

  test("Chromium agrees on a key that a quantum computer does not find", async (t) => {
    const browser = await startBrowser([`--ignore-certificate-errors-spki-list=${pinOf(certificate.cert)}`]);
    t.after(() => browser.close());
    const tab = await browser.newPage();
    const devtools = await tab.context().newCDPSession(tab);
    await devtools.send("Network.enable");
    const answered = new Promise((resolve) => devtools.on("Network.responseReceived", ({ response }) => resolve(response)));
    const page = await tab.goto(`https://localhost:${port}/tell`);
    const { protocol, securityDetails } = await answered;
    assert.equal(page.status(), 200);
    assert.equal(securityDetails.protocol, "TLS 1.3");
    assert.equal(securityDetails.keyExchangeGroup, "X25519MLKEM768");
    assert.equal(protocol, "h2");
    handshakes.row("Chromium", "what it likes", "TLSv1.3", protocol, securityDetails.keyExchangeGroup, securityDetails.subjectName, page.status());
  });

  test("docs/protocols.md says what this came to", () => handshakes.settle());
});

describe("certificates", () => {
  const authority = makeAuthority();
  const stranger = makeAuthority("Another authority");
  const first = authority.server(FIRST, "localhost");
  const [ours, foreign] = [authority.client("a machine"), stranger.client("a machine")];
  const folder = temporaryFolder();
  let server, demanding, renewing;

  /** As Kubernetes mounts a Secret: links through `..data`, which leads to another folder from one moment to the next. */
  function mount({ certFile, keyFile }) {
    mount.count = (mount.count ?? 0) + 1;
    const version = join(folder, `..${mount.count}`);
    mkdirSync(version);
    copyFileSync(certFile, join(version, "tls.crt"));
    copyFileSync(keyFile, join(version, "tls.key"));
    symlinkSync(version, join(folder, "..next"));
    renameSync(join(folder, "..next"), join(folder, "..data"));
  }

  before(async () => {
    server = await startNodeHttp1();
    const pair = `cert_file = "${first.certFile}"\nkey_file = "${first.keyFile}"\n`;
    demanding = await gateOn(server.port, `${pair}client_ca_file = "${authority.caFile}"`, await freePort());
    mount(first);
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(join("..data", name), join(folder, name));
    renewing = await gateOn(server.port, `cert_file = "${folder}/tls.crt"\nkey_file = "${folder}/tls.key"\n`, await freePort());
  });

  after(async () => {
    await demanding?.stop("SIGKILL");
    await renewing?.stop("SIGKILL");
    await server?.stop();
  });

  for (const [shows, own] of [["nothing", undefined], ["a certificate of that authority", ours], ["one of another", foreign]]) {
    for (const version of ["1.3", "1.2"]) {
      test(`curl shows ${shows}, TLS ${version}`, async () => {
        const args = ["-sS", "--tls-max", version, "--cacert", authority.caFile, ...(own ? ["--cert", own.certFile, "--key", own.keyFile] : []),
          "-H", "Client-Cert: :bGll:", `https://localhost:${demanding.port}/tell`, "-w", "\n%{http_code}"];
        const { stdout } = await run("curl", args).catch((error) => error);
        const [body, status] = stdout.split("\n");
        assert.equal(status, own === ours ? "200" : "000");
        const told = status === "200" ? JSON.parse(body).certificate : undefined;
        assert.equal(told, own === ours ? `:${new X509Certificate(ours.cert).raw.toString("base64")}:` : undefined);
        holders.row("curl", shows, `TLSv${version}`, status === "000" ? "refused" : Number(status), told ? "the one shown" : "–");
      });
    }
  }

  test("a certificate in the place of the old one is shown from then on, and connections go on", async (t) => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: authority.ca });
    t.after(() => agent.destroy());
    const ask = () => new Promise((resolve, reject) => {
      const request = https.get({ host: "127.0.0.1", servername: "localhost", port: renewing.port, path: "/tell", agent, headers: { host: `localhost:${renewing.port}` } });
      request.on("error", reject).on("response", (response) => response.resume().on("end", () => resolve([response.statusCode, request.reusedSocket])));
    });
    const shown = async () => (await sClient(renewing.port, { host: FIRST, caFile: authority.caFile, args: ["-servername", FIRST], request: false })).subject;
    assert.deepEqual(await ask(), [200, false]);
    assert.equal(await shown(), FIRST);
    mount(authority.server("localhost", FIRST));
    await until(async () => (await shown()) === "localhost", 30_000, "the new certificate");
    assert.deepEqual(await ask(), [200, true]);
  });

  test("docs/protocols.md says what this came to", () => holders.settle());
});
