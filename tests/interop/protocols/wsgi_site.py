"""WSGI, for gunicorn: what site.mjs says of every server."""

import hashlib
import json

MEBIBYTE = (b"tokigate " * (1024**2 // 9 + 1))[: 1024**2]


def application(environ, start_response):
    path = environ["RAW_URI"].split("?")[0]
    kind = "application/json"
    if path.endswith("/bytes"):
        body, kind = MEBIBYTE, "application/octet-stream"
    elif path.endswith("/count"):
        came = environ["wsgi.input"].read()
        body = json.dumps({"bytes": len(came), "sha256": hashlib.sha256(came).hexdigest()}).encode()
    else:
        told = {
            "protocol": environ["SERVER_PROTOCOL"],
            "method": environ["REQUEST_METHOD"],
            "target": environ["RAW_URI"],
            "host": environ.get("HTTP_HOST"),
            "user": environ.get("HTTP_X_FORWARDED_USER"),
            "forwarded": environ.get("HTTP_X_FORWARDED_FOR"),
            "cookie": environ.get("HTTP_COOKIE"),
        }
        body = json.dumps({name: value for name, value in told.items() if value is not None}).encode()
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
