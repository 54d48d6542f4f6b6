"""WSGI: what gunicorn makes of a target, and what frameworks and file servers make of that. One line for each reading."""

import posixpath
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.urls import Resolver404, re_path, resolve
from http.server import SimpleHTTPRequestHandler

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])


def named(request):
    """A view that is only there to have a name."""


urlpatterns = [
    re_path(r"^admin(/|$)", named, name="/admin"),
    re_path(r"^api/private(/|$)", named, name="/api/private"),
    re_path(r"(?i)^account(/|$)", named, name="/account"),
    re_path(r"^assets/private(/|$)", named, name="/assets/private"),
]


class FileServer(SimpleHTTPRequestHandler):
    """Only to ask how it finds its files."""

    def __init__(self):
        self.directory = "/"


def readings(environ):
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    yield "PATH_INFO", path
    yield "PATH_INFO, normalized", posixpath.normpath(path)
    yield "http.server", FileServer().translate_path(environ["RAW_URI"])
    yield "urlsplit", unquote(urlsplit(environ["RAW_URI"]).path)
    request = WSGIRequest(environ)
    yield "Django's path", request.path
    try:
        yield "Django's resolver", resolve(request.path_info).view_name
    except Resolver404:
        pass


def application(environ, start_response):
    told = [f"{environ['REQUEST_METHOD']} {environ['RAW_URI']}"]
    told += [f"{name}\t{reading}" for name, reading in readings(environ)]
    body = "\n".join(told).encode("utf-8", "replace")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
