"""What stands at which path of the HTTP port."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources

from kzoo.serving import metrics
from kzoo.serving.errors import UnauthenticatedError
from kzoo.serving.http_server import Handler, Request, Response
from kzoo.serving.rest import PREFIX, error_response
from kzoo.serving.rest_response import write_error
from kzoo.serving.security import AUTHORIZATION, Token

HEALTH_PATH = "/healthz"
READINESS_PATH = "/readyz"
PAGE_PREFIX = "/ui/"
_PAGE_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    **{
        f"{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("answer", "calls", "images", "page", "signature")
    },
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-cache"),
)


@dataclass(frozen=True)
class Page:
    """The try-it page.

    Attributes:
        grpc_address: where the same calls can be made over gRPC.
        tls: whether connections are encrypted.
        needs_token: whether calls must carry a token.
    """

    grpc_address: str
    tls: bool = False
    needs_token: bool = False


class Routes:
    """Answers each request by its path; paths that are not there are 404, as JSON."""

    def __init__(
        self,
        *,
        api: Handler | None = None,
        metrics_page: Callable[[], bytes] | None = None,
        availability: Callable[[], Mapping[str, bool]] = dict,
        is_ready: Callable[[], bool] = lambda: True,
        page: Page | None = None,
        token: Token | None = None,
    ) -> None:
        """Choose what there is.

        Args:
            api: answers what is below /v1/.
            metrics_page: makes Prometheus's page.
            availability: says of each model whether a version of it is live.
            is_ready: whether calls would be answered now.
            page: the try-it page, at /ui/; None for none.
            token: that callers of all but health, readiness and the files of the page must show; None for
                none.
        """
        self._availability = availability
        self._is_ready = is_ready
        self._metrics_page = metrics_page
        self._page = page
        self._token = token
        self._open: dict[str, Handler] = {HEALTH_PATH: self._health, READINESS_PATH: self._readiness}
        self._closed: dict[str, Handler] = {}
        if metrics_page is not None:
            self._closed[metrics.PATH] = self._metrics
        self._api = api
        if page is not None:
            self._open |= {"/": _redirect, PAGE_PREFIX.rstrip("/"): _redirect}
            self._open |= {PAGE_PREFIX + path: _file_handler(*file) for path, file in _PAGE_FILES.items()}
            self._closed[PAGE_PREFIX + "models.json"] = self._models

    def __call__(self, request: Request) -> Response:
        """Return the answer to a request."""
        handler = self._open.get(request.path)
        if handler is not None:
            return _only_get(request) or handler(request)
        is_call = self._api is not None and request.path.lower().startswith(PREFIX)
        if not is_call and request.path not in self._closed:
            return _error(404, f"nothing is at {request.path}")
        try:
            if self._token is not None:
                self._token.check(request.headers.get(AUTHORIZATION))
        except UnauthenticatedError as error:
            return error_response(error)
        if is_call and self._api is not None:
            return self._api(request)
        return _only_get(request) or self._closed[request.path](request)

    def _health(self, request: Request) -> Response:
        return _json(200, {"status": "alive"})

    def _readiness(self, request: Request) -> Response:
        if self._is_ready():
            return _json(200, {"status": "ready"})
        return _json(503, {"status": "not ready"})

    def _metrics(self, request: Request) -> Response:
        assert self._metrics_page is not None
        return Response(200, self._metrics_page(), metrics.CONTENT_TYPE)

    def _models(self, request: Request) -> Response:
        assert self._page is not None
        models = [{"name": name, "available": live} for name, live in sorted(self._availability().items())]
        return _json(
            200,
            {
                "grpc": self._page.grpc_address,
                "tls": self._page.tls,
                "token": self._page.needs_token,
                "models": models,
            },
        )


def _redirect(_request: Request) -> Response:
    return Response(302, headers=[("Location", PAGE_PREFIX)])


def _file_handler(name: str, content_type: str) -> Handler:
    body = resources.files("kzoo.serving").joinpath("ui", name).read_bytes()
    response = Response(200, body, content_type, _PAGE_HEADERS)
    return lambda request: response


def _only_get(request: Request) -> Response | None:
    if request.method in ("GET", "HEAD"):
        return None
    refusal = _error(405, f"{request.path} takes GET; received {request.method}")
    return Response(refusal.status, refusal.body, headers=[("Allow", "GET, HEAD")])


def _json(status: int, document: object) -> Response:
    return Response(status, json.dumps(document).encode("utf-8"), headers=[("Cache-Control", "no-store")])


def _error(status: int, message: str) -> Response:
    return Response(status, write_error(message).encode("utf-8", "replace"))
