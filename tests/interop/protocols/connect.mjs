// connect-es: a server that speaks gRPC-Web (and gRPC, and Connect), and a client that speaks gRPC-Web. What the service does, grpc_web.py says.
import http from "node:http";
import { connect, connectNode, fileDesc, protobuf, serviceDesc, wkt } from "../../e2e/support/packages.mjs";

const { Code, ConnectError } = connect;

/** web.Echo, as protoc would have described it. */
function describe() {
  const text = ".google.protobuf.StringValue";
  const method = (name, serverStreaming = false) => ({ name, inputType: text, outputType: text, serverStreaming });
  const file = protobuf.create(wkt.FileDescriptorProtoSchema, {
    name: "echo.proto",
    package: "web",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [{ name: "Echo", method: [method("Unary"), method("Closed"), method("Fail"), method("Count", true)] }],
  });
  const encoded = Buffer.from(protobuf.toBinary(wkt.FileDescriptorProtoSchema, file)).toString("base64");
  return serviceDesc(fileDesc(encoded, [wkt.file_google_protobuf_wrappers]), 0);
}

const Echo = describe();
const say = (value) => protobuf.create(wkt.StringValueSchema, { value });

export async function startConnect() {
  const unary = ({ value }, context) => {
    context.responseTrailer.set("user", context.requestHeader.get("x-forwarded-user") ?? "");
    return say(value);
  };
  const routes = (router) => router.service(Echo, {
    unary,
    closed: unary,
    fail({ value }) {
      const [code, ...words] = value.split(" ");
      throw new ConnectError(words.join(" "), Number(code));
    },
    async *count({ value }) {
      for (let number = 1; number <= Number(value); number += 1) yield say(String(number));
    },
  });
  const server = http.createServer(connectNode.connectNodeAdapter({ routes, fallback: (_, response) => response.setHeader("content-type", "text/html").end("a page") }));
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Calls everything, in gRPC-Web; resolves to what came. */
export async function callAll(gate, words, size) {
  const open = (cookie) => connect.createClient(Echo, connectNode.createGrpcWebTransport({
    baseUrl: gate.address,
    httpVersion: "1.1",
    interceptors: [(next) => (request) => {
      if (cookie) request.header.set("cookie", cookie);
      return next(request);
    }],
  }));
  const outcome = async (call) => {
    const trailers = {};
    const onTrailer = (headers) => headers.forEach((value, name) => (trailers[name] = value));
    try {
      const { value } = await call({ onTrailer });
      return { code: 0, message: value, trailers };
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      return { code: Code[code] ? code : undefined, details: rawMessage };
    }
  };
  const [known, stranger] = [open(gate.cookie), open()];
  const count = [];
  for await (const { value } of known.count(say("100"))) count.push(Number(value));
  return {
    unary: await outcome((options) => known.unary(say(words), options)),
    large: (await known.unary(say("x".repeat(size)))).value.length,
    count,
    fail: await outcome((options) => known.fail(say(`9 ${words}`), options)),
    stranger: await outcome((options) => stranger.unary(say("x"), options)),
    forbidden: await outcome((options) => known.closed(say("x"), options)),
  };
}
