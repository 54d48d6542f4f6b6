"""A Django application that believes it is served over https, as behind any ingress. One file: settings, views, addresses, WSGI."""

import os

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path

settings.configure(
    DEBUG=False,
    SECRET_KEY="only for this test",
    ALLOWED_HOSTS=[os.environ["SHOP_HOST"]],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    SECURE_SSL_REDIRECT=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    CSRF_COOKIE_SECURE=True,
)


def order(request):
    """A form that only its own page may send."""
    if request.method == "POST":
        return HttpResponse(f"{request.META.get('HTTP_X_FORWARDED_USER')} ordered {request.POST['what']}")
    return HttpResponse(
        f'<form method="post" action="/order/"><input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
        '<input name="what"><button>Order</button></form>'
    )


def environ(request):
    """Everything the server told Django about the request's headers."""
    told = {name: value for name, value in request.META.items() if name.startswith("HTTP_")}
    return JsonResponse({"headers": told, "secure": request.is_secure(), "address": request.build_absolute_uri()})


def moved(request):
    return HttpResponseRedirect(request.build_absolute_uri("/environ/"))


urlpatterns = [path("order/", order), path("environ/", environ), path("moved/", moved)]

from django.core.wsgi import get_wsgi_application  # noqa: E402 (settings come first)

application = get_wsgi_application()
