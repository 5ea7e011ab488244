"""The application: every page, the files that browsers load, and the headers of all answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.api import (
    checkout,
    developers,
    docs,
    federated,
    links,
    overview,
    passkeys,
    payments,
    people,
    platform,
    providers,
    requests,
    search,
    sessions,
    upkeep,
)
from console.api.lists import kept
from console.api.web import FOLDER, HEADERS, ROOT, WHO, Page, record, templates
from mesh import context
from mesh.errors import ApiError
from mesh.rpc.headers import CONSOLE_USER
from mesh.telemetry import get_logger

log = get_logger(__name__)
STATIC = FOLDER / "static"
PAGES: list[Page] = [
    *sessions.PAGES,
    *passkeys.PAGES,
    *federated.PAGES,
    *overview.PAGES,
    *search.PAGES,
    *kept.PAGES,
    *payments.PAGES,
    *links.PAGES,
    *developers.PAGES,
    *requests.PAGES,
    *providers.PAGES,
    *people.PAGES,
    *platform.PAGES,
    *upkeep.PAGES,
]


def build(till: checkout.Till, is_ready: Callable[[], bool], docs_folder: Path | None = None) -> ASGIApp:
    """Return the application; `docs_folder` is where the documentation was built."""
    rooms = till.rooms
    # a new version of a file has a new address, so browsers may keep each for ever
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(STATIC.iterdir()))).hexdigest()[:12]
    templates.globals.update(static=f"{ROOT}/static/{digest}", root=ROOT, may=lambda _scope: False)
    templates.globals.update(pay_static=f"{checkout.ROOT}/static/{digest}")

    async def health(_: Request) -> Response:
        return PlainTextResponse("ready" if is_ready() else "not ready", 200 if is_ready() else 503)

    async def missing(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == 404 and docs.is_ours(request.url.path):
            return _plain(status, *docs.missing(docs_folder))
        return await _missing(request, error)

    app = Starlette(
        routes=[
            Route(f"{ROOT}/healthz", health),
            Mount(f"{ROOT}/static/{digest}", StaticFiles(directory=STATIC)),
            Mount(f"{checkout.ROOT}/static/{digest}", StaticFiles(directory=STATIC)),
            *checkout.routes(till),
            *docs.routes(docs_folder),
            Route(ROOT, lambda _: Response(status_code=308, headers={"location": f"{ROOT}/"})),
            record(rooms),
            *(page.route(rooms) for page in PAGES),
        ],
        exception_handlers={HTTPException: missing, ApiError: _away, Exception: _broken},
    )
    # it would send on to the host that the request names, without its port
    app.router.redirect_slashes = False
    return WithHeaders(app)


async def _missing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if _is_of_a_link(request.url.path):
        return checkout.message(status, "Nothing here", "There is no such page.")
    words = "There is no such page." if status == 404 else "This cannot be done here."
    return _plain(status, "Nothing here", words)


def _is_of_a_link(path: str) -> bool:
    return path.startswith(f"{checkout.ROOT}/")


def _headers_of(path: str) -> Mapping[str, str]:
    if docs.is_ours(path):
        return docs.PAGE_HEADERS
    return checkout.PAGE_HEADERS if _is_of_a_link(path) else HEADERS


async def _away(_: Request, error: Exception) -> Response:
    log.warning("the console's own database is away", error=str(error))
    return _plain(503, "The console is away", "Its own database does not answer. Payments go on without it.")


async def _broken(request: Request, error: Exception) -> Response:
    log.error("a page failed", exc_info=error)
    if _is_of_a_link(request.url.path):
        return checkout.message(500, "Something went wrong", "Open the link again to see how it stands.")
    return _plain(500, "Something went wrong", "This is our fault, and it was logged.")


def _plain(status: int, title: str, words: str) -> Response:
    return HTMLResponse(templates.get_template("error.html").render(title=title, words=words), status)


class WithHeaders:
    """Gives every request a trace, and every answer, of a failure too, who asked and what keeps other sites out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        # what a request causes is one trace, and no two requests share one
        headers = Headers(scope=scope)
        trace = context.trace_of(headers.get("traceparent", ""), headers.get("x-request-id", ""))
        context.enter(context.call_of(trace))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                of_docs = docs.is_ours(scope["path"])
                if user := scope.get(WHO):
                    headers[CONSOLE_USER] = str(user.user_id)
                for name, value in _headers_of(scope["path"]).items():
                    # a page may say otherwise, as a picture does that others may show
                    if name not in headers or (name == "content-security-policy" and not of_docs):
                        headers[name] = value
                if scope["path"].startswith((f"{ROOT}/static/", f"{checkout.ROOT}/static/")):
                    headers["cache-control"] = "public, max-age=31536000, immutable"
            await send(message)

        await self._app(scope, receive, with_headers)
