"""What hosted pages have in common: fields in, a redirect or JSON out."""

import json
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from sandbox.store.documents import JSON
from sandbox.web import html

_SEE_OTHER = 303


async def fields(request: Request) -> JSON:
    """What a form or a script has posted."""
    raw = (await request.body()).decode("utf-8", "replace")
    if not request.headers.get("content-type", "").startswith("application/json"):
        return dict(parse_qsl(raw))
    try:
        body = json.loads(raw)
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def wants_json(request: Request) -> bool:
    """Whether a script is asking, not a browser."""
    return "application/json" in request.headers.get("accept", "")


def redirect(request: Request, target: str, summary: JSON) -> Response:
    """Send the customer on; a script is told where to."""
    if wants_json(request):
        return JSONResponse({**summary, "redirect": target})
    return RedirectResponse(target, _SEE_OTHER)


def problem(request: Request, status: int, message: str) -> Response:
    """Say what is wrong."""
    if wants_json(request):
        return JSONResponse({"error": {"message": message}}, status)
    return HTMLResponse(html.page("Checkout", html.error(message)), status)


def not_found(request: Request) -> Response:
    """No such page."""
    return problem(request, 404, "There is nothing here.")


def with_query(target: str, query: str) -> str:
    """A URL of the merchant's with more parameters."""
    return f"{target}{'&' if '?' in target else '?'}{query}"
