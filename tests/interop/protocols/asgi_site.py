"""ASGI, for hypercorn: what site.mjs says of every server."""

import hashlib
import json

from wsgi_site import MEBIBYTE


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await talk(scope, receive, send)
    if scope["type"] != "http":
        return
    path = scope["raw_path"].decode().split("?")[0]
    came, more = b"", True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        came += event.get("body", b"")
        more = event.get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    kind = b"application/json"
    if path.endswith("/bytes"):
        body, kind = MEBIBYTE, b"application/octet-stream"
    elif path.endswith("/count"):
        body = json.dumps({"bytes": len(came), "sha256": hashlib.sha256(came).hexdigest()}).encode()
    else:
        query = scope["query_string"].decode()
        told = {
            "protocol": f"HTTP/{scope['http_version']}",
            "method": scope["method"],
            "target": scope["raw_path"].decode() + (f"?{query}" if query and "?" not in scope["raw_path"].decode() else ""),
            "host": headers.get("host"),
            "user": headers.get("x-forwarded-user"),
            "forwarded": headers.get("x-forwarded-for"),
            "cookie": headers.get("cookie"),
        }
        body = json.dumps({name: value for name, value in told.items() if value is not None}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


closed = {}


async def talk(scope, receive, send):
    """What websocket_servers.mjs says of every server."""
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.disconnect":
            closed[scope["path"]] = f"{event['code']} {event.get('reason') or ''}"
            return
        elif event.get("text") is None:
            await send({"type": "websocket.send", "bytes": event["bytes"]})
        else:
            text = event["text"]
            if text.startswith("close "):
                _, code, reason = text.split(" ", 2)
                await send({"type": "websocket.close", "code": int(code), "reason": reason})
                return
            if text == "user":
                text = headers.get("x-forwarded-user", "")
            elif text.startswith("closed "):
                text = closed.get(text.split(" ", 1)[1], "")
            await send({"type": "websocket.send", "text": text})
