// A certificate authority of the tests' own, made by openssl.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../e2e/support/processes.mjs";

const openssl = (folder, args) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Resolves names to certificates: { ca, caFile, server(name, …), client(name) }, files and texts of PEM. */
export function makeAuthority(called = "The tests' authority") {
  const folder = temporaryFolder();
  openssl(folder, ["req", "-x509", ...KEY, "-days", "2", "-subj", `/CN=${called}`, "-addext", "basicConstraints=critical,CA:TRUE",
    "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", "ca.key", "-out", "ca.crt"]);
  const caFile = join(folder, "ca.crt");

  const issue = (subject, extensions) => {
    const stem = subject.replaceAll(/[^a-z0-9]/gi, "-");
    writeFileSync(join(folder, `${stem}.ext`), extensions.join("\n"));
    openssl(folder, ["req", "-new", ...KEY, "-subj", `/CN=${subject}`, "-keyout", `${stem}.key`, "-out", `${stem}.csr`]);
    openssl(folder, ["x509", "-req", "-in", `${stem}.csr`, "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${stem}.ext`,
      "-out", `${stem}.crt`]);
    const [certFile, keyFile] = [join(folder, `${stem}.crt`), join(folder, `${stem}.key`)];
    return { certFile, keyFile, cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
  };

  return {
    ca: readFileSync(caFile, "utf8"),
    caFile,
    /** For the names given, and for this machine's address. */
    server: (...names) =>
      issue(names[0], [`subjectAltName=${names.map((name) => `DNS:${name}`).join(",")},IP:127.0.0.1`, "extendedKeyUsage=serverAuth", "basicConstraints=CA:FALSE"]),
    client: (name) => issue(name, ["extendedKeyUsage=clientAuth", "basicConstraints=CA:FALSE"]),
  };
}
