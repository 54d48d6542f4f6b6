// gRPC by @grpc/grpc-js and by grpcio, servers and clients. The service, by raw bytes:
//
//   Unary   gives the message back; metadata `question` and `question-bin` come back as trailers `answer` and `answer-bin`; `user` in the head
//   Sum     of a stream: "N messages, M bytes"         Count   "3": a stream of "1", "2", "3"         Talk   gives each message back at once
//   Fail    "9 words": that status with that message   Wait    never answers                          Seen   whether the call "Wait NAME" is over there, or a Talk cancelled
//   Closed, Token   as Unary
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { grpc } from "../../e2e/support/packages.mjs";
import { freePort, until } from "../../e2e/support/processes.mjs";
import { HERE, VENV } from "./programs.mjs";
import { run } from "./servers.mjs";

const MOST = { "grpc.max_receive_message_length": 32 * 1024 ** 2, "grpc.max_send_message_length": 32 * 1024 ** 2 };
const same = (bytes) => bytes;

export const GRPC_SERVERS = [
  { name: "grpc-js", start: startNode },
  { name: "grpcio", start: startPython },
];

export const GRPC_CLIENTS = [
  { name: "grpc-js", open: nodeClient },
  { name: "grpcio", open: pythonClient },
];

async function startNode(service, certificate) {
  const ended = new Map();
  const first = (call, name) => String(call.metadata.get(name)[0] ?? "");
  const unary = (call, answer) => {
    const [head, trailers] = [new grpc.Metadata(), new grpc.Metadata()];
    head.set("user", first(call, "x-forwarded-user"));
    head.set("at-first", "hello");
    call.sendMetadata(head);
    trailers.set("answer", first(call, "question"));
    trailers.set("answer-bin", call.metadata.get("question-bin")[0] ?? Buffer.alloc(0));
    answer(null, call.request, trailers);
  };
  const handlers = {
    Unary: unary,
    Closed: unary,
    Token: unary,
    Sum(call, answer) {
      let [count, bytes] = [0, 0];
      call.on("data", (message) => {
        count += 1;
        bytes += message.length;
      });
      call.on("end", () => answer(null, Buffer.from(`${count} messages, ${bytes} bytes`)));
    },
    Count(call) {
      for (let number = 1; number <= Number(call.request); number += 1) call.write(Buffer.from(String(number)));
      call.end();
    },
    Talk(call) {
      call.once("data", (message) => call.on("cancelled", () => ended.set(String(message), true)));
      call.on("data", (message) => call.write(message));
      call.on("end", () => call.end());
    },
    Fail(call, answer) {
      const [code, ...words] = String(call.request).split(" ");
      const metadata = new grpc.Metadata();
      metadata.set("why-bin", Buffer.from([0, 255, 1]));
      answer({ code: Number(code), details: words.join(" "), metadata });
    },
    Wait(call) {
      call.on("cancelled", () => ended.set(String(call.request), true));
      const head = new grpc.Metadata();
      head.set("deadline", Number.isFinite(Number(call.getDeadline())) ? "set" : "none");
      call.sendMetadata(head);
    },
    Seen(call, answer) {
      until(async () => ended.has(String(call.request)), 5_000).then(() => answer(null, Buffer.from("yes")), () => answer(null, Buffer.from("no")));
    },
  };
  const streams = { Sum: [true, false], Count: [false, true], Talk: [true, true] };
  const definition = Object.fromEntries(Object.keys(handlers).map((name) => {
    const [requestStream, responseStream] = streams[name] ?? [false, false];
    return [name, { path: `/${service}/${name}`, requestStream, responseStream, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }];
  }));
  const server = new grpc.Server(MOST);
  server.addService(definition, handlers);
  const credentials = certificate
    ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: readFileSync(certificate.certFile), private_key: readFileSync(certificate.keyFile) }])
    : grpc.ServerCredentials.createInsecure();
  const port = await new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound))));
  return { port, stop: () => server.forceShutdown() };
}

async function startPython(service, certificate) {
  const port = await freePort();
  const args = ["grpc_python.py", "server", String(port), service, ...(certificate ? [certificate.certFile, certificate.keyFile] : [])];
  return run(join(VENV, "python"), args, port, { ready: /serving/, name: "grpcio", env: { PYTHONDONTWRITEBYTECODE: "1" } });
}

/** One call, of any kind: { send(bytes), end(), cancel(), next(), head, done }. `head`: metadata; `done`: { code, details, trailers }. */
function makeCall(actions) {
  const [came, waiting] = [[], []];
  const call = { ...actions };
  call.done = new Promise((resolve) => (call.gotDone = resolve));
  // Of a call that ends without one: nothing.
  call.head = new Promise((resolve) => {
    call.gotHead = resolve;
    call.done.then(() => resolve({}));
  });
  call.got = (message) => (waiting.length > 0 ? waiting.shift()(message) : came.push(message));
  /** The next message; undefined where the call is over instead. */
  call.next = () => (came.length > 0 ? Promise.resolve(came.shift()) : new Promise((resolve) => {
    waiting.push(resolve);
    call.done.then(() => setImmediate(() => resolve(came.length > 0 ? came.shift() : undefined)));
  }));
  return call;
}

const target = (gate) => `localhost:${gate.port}`;

function nodeClient(gate) {
  const credentials = gate.caFile ? grpc.credentials.createSsl(readFileSync(gate.caFile)) : grpc.credentials.createInsecure();
  const client = new grpc.Client(target(gate), credentials, MOST);
  return {
    call(method, metadata = {}, { deadline } = {}) {
      const sent = new grpc.Metadata();
      for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
      const stream = client.makeBidiStreamRequest(method, same, same, sent, deadline ? { deadline: new Date(Date.now() + deadline) } : {});
      const call = makeCall({ send: (bytes) => stream.write(bytes), end: () => stream.end(), cancel: () => stream.cancel() });
      stream.on("metadata", (head) => call.gotHead(head.getMap()));
      stream.on("data", call.got);
      stream.on("error", () => {});
      stream.on("status", ({ code, details, metadata }) => call.gotDone({ code, details, trailers: metadata.getMap() }));
      return call;
    },
    close: () => client.close(),
  };
}

async function pythonClient(gate) {
  const args = [join(HERE, "grpc_python.py"), "client", target(gate), ...(gate.caFile ? [gate.caFile] : [])];
  const child = spawn(join(VENV, "python"), args, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {});
  const calls = new Map();
  const order = (value) => child.stdin.write(`${JSON.stringify(value)}\n`);
  const mapOf = (pairs) => Object.fromEntries(pairs.map(([name, value]) => [name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value]));
  await new Promise((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const told = JSON.parse(line);
      if (told.ready) return resolve();
      const call = calls.get(told.id);
      if (told.head) return call.gotHead(mapOf(told.head));
      if (told.message !== undefined) return call.got(Buffer.from(told.message, "base64"));
      return call.gotDone({ code: told.code, details: told.details, trailers: mapOf(told.trailers) });
    });
  });
  return {
    call(method, metadata = {}, { deadline } = {}) {
      const id = calls.size;
      const call = makeCall({ send: (bytes) => order({ do: "send", id, message: bytes.toString("base64") }), end: () => order({ do: "end", id }), cancel: () => order({ do: "cancel", id }) });
      calls.set(id, call);
      const pairs = Object.entries(metadata).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString("base64") : value]);
      order({ do: "open", id, method, metadata: pairs, ...(deadline && { deadline: deadline / 1000 }) });
      return call;
    },
    close: () => child.kill("SIGKILL"),
  };
}
