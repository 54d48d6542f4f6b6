"""A WebSocket client by the package `websockets`, told what to do by lines of JSON. Arguments: address, JSON of { headers, origin, ca }."""

import base64
import json
import ssl
import sys
import threading

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


def say(**told):
    print(json.dumps(told), flush=True)


def listen(socket):
    try:
        for message in socket:
            say(text=message) if isinstance(message, str) else say(bytes=base64.b64encode(message).decode())
    except ConnectionClosed:
        pass
    say(closed=[socket.close_code, socket.close_reason])


def main(address, options):
    context = ssl.create_default_context(cafile=options["ca"]) if "ca" in options else None
    try:
        socket = connect(address, ssl=context, additional_headers=options["headers"], origin=options.get("origin"), max_size=4 * 1024**2, proxy=None)
    except InvalidStatus as refused:
        say(status=refused.response.status_code)
        return
    say(open=True)
    threading.Thread(target=listen, args=[socket]).start()
    for line in sys.stdin:
        order = json.loads(line)
        if "text" in order:
            socket.send(order["text"])
        elif "bytes" in order:
            socket.send(base64.b64decode(order["bytes"]))
        else:
            socket.close(*order["close"])


main(sys.argv[1], json.loads(sys.argv[2]))
