"""grpcio, both sides. `server PORT SERVICE [CERT KEY]`, or `client`: told what to do by lines of JSON; what the service does, grpc.mjs says."""

import base64
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

MOST = [("grpc.max_receive_message_length", 32 * 1024**2), ("grpc.max_send_message_length", 32 * 1024**2)]
same = bytes


class Echo:
    def __init__(self):
        self.ended = {}
        self.lock = threading.Lock()

    def event(self, name):
        with self.lock:
            return self.ended.setdefault(name, threading.Event())

    def unary(self, request, context):
        came = dict(context.invocation_metadata())
        context.send_initial_metadata((("user", came.get("x-forwarded-user", "")), ("at-first", "hello")))
        context.set_trailing_metadata((("answer", came.get("question", "")), ("answer-bin", came.get("question-bin", b""))))
        return request

    def sum(self, requests, context):
        count = bytes_ = 0
        for message in requests:
            count, bytes_ = count + 1, bytes_ + len(message)
        return f"{count} messages, {bytes_} bytes".encode()

    def count(self, request, context):
        for number in range(1, int(request) + 1):
            yield str(number).encode()

    def talk(self, requests, context):
        first = None
        over = threading.Event()
        context.add_callback(over.set)
        try:
            for message in requests:
                first = first or message.decode()
                yield message
        finally:
            # grpcio lets a cancelled stream of requests raise, or end like any other: what tells is that the call itself is over.
            if first and first.startswith("cancelled") and over.wait(4):
                self.event(first).set()

    def fail(self, request, context):
        code, details = request.decode().split(" ", 1)
        context.set_trailing_metadata((("why-bin", b"\x00\xff\x01"),))
        context.abort(next(known for known in grpc.StatusCode if known.value[0] == int(code)), details)

    def wait(self, request, context):
        over = threading.Event()
        context.add_callback(over.set)
        name = request.decode()
        context.add_callback(self.event(name).set)
        # The client is to know that it has begun.
        context.send_initial_metadata((("deadline", "none" if context.time_remaining() is None or context.time_remaining() > 1e6 else "set"),))
        over.wait(20)
        return b""

    def seen(self, request, context):
        return b"yes" if self.event(request.decode()).wait(5) else b"no"


def serve(port, service, certificate):
    echo = Echo()
    kinds = {
        "Unary": grpc.unary_unary_rpc_method_handler(echo.unary, same, same),
        "Sum": grpc.stream_unary_rpc_method_handler(echo.sum, same, same),
        "Count": grpc.unary_stream_rpc_method_handler(echo.count, same, same),
        "Talk": grpc.stream_stream_rpc_method_handler(echo.talk, same, same),
        "Fail": grpc.unary_unary_rpc_method_handler(echo.fail, same, same),
        "Wait": grpc.unary_unary_rpc_method_handler(echo.wait, same, same),
        "Seen": grpc.unary_unary_rpc_method_handler(echo.seen, same, same),
        "Closed": grpc.unary_unary_rpc_method_handler(echo.unary, same, same),
        "Token": grpc.unary_unary_rpc_method_handler(echo.unary, same, same),
    }
    server = grpc.server(ThreadPoolExecutor(16), options=MOST)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, kinds)])
    if certificate:
        chain, key = (open(file, "rb").read() for file in certificate)
        server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(key, chain)]))
    else:
        server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


def metadata(pairs):
    """Keys that end in -bin have bytes, which JSON has not."""
    return [[name, base64.b64encode(value).decode() if isinstance(value, bytes) else value] for name, value in pairs or ()]


class Client:
    def __init__(self, address, ca=None):
        self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(open(ca, "rb").read()), MOST) if ca else grpc.insecure_channel(address, MOST)
        self.calls = {}

    def open(self, id, method, metadata, deadline=None):
        """A call that takes and gives any number of messages, whatever its kind is."""
        sent = Queue()
        pairs = [(name, base64.b64decode(value) if name.endswith("-bin") else value) for name, value in metadata]
        call = self.channel.stream_stream(method, same, same)(iter(sent), timeout=deadline, metadata=pairs)
        self.calls[id] = (sent, call)
        threading.Thread(target=self.listen, args=[id, call], daemon=True).start()

    def listen(self, id, call):
        def head():
            try:
                say(id=id, head=metadata_of(call.initial_metadata()))
            except grpc.RpcError:
                pass

        first = threading.Thread(target=head, daemon=True)
        first.start()
        try:
            for message in call:
                say(id=id, message=base64.b64encode(message).decode())
        except grpc.RpcError:
            pass
        # Who is told the end without a head takes it that none came.
        first.join()
        say(id=id, code=call.code().value[0], details=call.details(), trailers=metadata_of(call.trailing_metadata()))

    def send(self, id, message):
        self.calls[id][0].put(base64.b64decode(message))

    def end(self, id):
        self.calls[id][0].put(None)

    def cancel(self, id):
        self.calls[id][1].cancel()


class Queue:
    def __init__(self):
        self.messages, self.ready = [], threading.Condition()

    def put(self, message):
        with self.ready:
            self.messages.append(message)
            self.ready.notify()

    def __iter__(self):
        while True:
            with self.ready:
                self.ready.wait_for(lambda: self.messages)
                message = self.messages.pop(0)
            if message is None:
                return
            yield message


metadata_of = metadata
lock = threading.Lock()


def say(**told):
    with lock:
        print(json.dumps(told), flush=True)


def main(what, *args):
    if what == "server":
        serve(int(args[0]), args[1], args[2:])
        return
    client = Client(*args)
    say(id=None, ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        getattr(client, order.pop("do"))(**order)


main(*sys.argv[1:])
