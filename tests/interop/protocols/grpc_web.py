"""sonora: `app`, a gRPC-Web server for hypercorn; run, a client: arguments address, service, cookie. Prints JSON of what came.

Messages are google.protobuf.StringValue. Unary gives back the message, and `x-forwarded-user` as a trailer; Count "3" gives "1", "2", "3"; Fail "9 words"
that status.
"""

import json
import sys

import grpc
from sonora.asgi import grpcASGI

from asgi_site import app as site



def packed(text):
    """A StringValue: field 1, length, bytes."""
    data, head, length = text.encode(), bytearray([10]), len(text.encode())
    while length > 127:
        head.append(length % 128 + 128)
        length //= 128
    return bytes(head) + bytes([length]) + data


def unpacked(message):
    if not message:
        return ""
    at = 1
    while message[at] > 127:
        at += 1
    return bytes(message[at + 1 :]).decode()


async def unary(request, context):
    came = dict(context.invocation_metadata())
    context.set_trailing_metadata((("user", came.get("x-forwarded-user", "")),))
    return request


async def count(request, context):
    for number in range(1, int(request) + 1):
        yield str(number)


async def fail(request, context):
    code, details = request.split(" ", 1)
    await context.abort(next(known for known in grpc.StatusCode if known.value[0] == int(code)), details)


# Everything else is a page, for browsers to start from.
app = grpcASGI(site, enable_cors=False)
app.add_generic_rpc_handlers([
    grpc.method_handlers_generic_handler("web.Echo", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary, unpacked, packed),
        "Closed": grpc.unary_unary_rpc_method_handler(unary, unpacked, packed),
        "Count": grpc.unary_stream_rpc_method_handler(count, unpacked, packed),
        "Fail": grpc.unary_unary_rpc_method_handler(fail, unpacked, packed),
    })
])


def outcome(call):
    try:
        return call()
    except grpc.RpcError as error:
        return {"code": error.code().value[0], "details": error.details()}


def client(address, cookie, words, size):
    from sonora.client import insecure_web_channel

    channel = insecure_web_channel(address)
    metadata = [("cookie", cookie)]

    def unary(method, message, metadata=metadata):
        answer, call = channel.unary_unary(f"/web.Echo/{method}", packed, unpacked).with_call(message, metadata=metadata)
        return {"code": 0, "message": answer, "trailers": dict(call.trailing_metadata())}

    told = {
        "unary": outcome(lambda: unary("Unary", words)),
        "large": len(outcome(lambda: unary("Unary", "x" * size))["message"]),
        "count": [int(message) for message in channel.unary_stream("/web.Echo/Count", packed, unpacked)("100", metadata=metadata)],
        "fail": outcome(lambda: unary("Fail", f"9 {words}")),
        "stranger": outcome(lambda: unary("Unary", "x", [])),
        "forbidden": outcome(lambda: unary("Closed", "x")),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    client(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
