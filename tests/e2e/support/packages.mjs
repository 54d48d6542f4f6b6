// The packages of tests/e2e, for tests that stand elsewhere.
export * as undici from "undici";
export * as ws from "ws";
export * as grpc from "@grpc/grpc-js";
export * as protobuf from "@bufbuild/protobuf";
export { fileDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
export * as wkt from "@bufbuild/protobuf/wkt";
export * as connect from "@connectrpc/connect";
export * as connectNode from "@connectrpc/connect-node";
