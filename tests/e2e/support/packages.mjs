// The packages of tests/e2e, for tests that stand elsewhere.
export * as undici from "undici";
export * as ws from "ws";
export * as grpc from "@grpc/grpc-js";
