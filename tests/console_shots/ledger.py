"""What was driven in the browser, held against the routes of the application and the buttons that its pages have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from starlette.routing import compile_path

from console.api import checkout
from console.api.app import PAGES
from console.api.web import ROOT
from console.domain import User
from mesh.ids import new_id, utc_now

VALUES = ("verb",)
"""Fields of buttons whose value says what is done; of others, whose value is data, the name does."""
NAMES = ("forget", "provider", "everywhere", "again")
FORMS = """() => [...document.querySelectorAll("form[method=post]")].flatMap((form) =>
  [...form.querySelectorAll("button:not([type=button])")].map((button) => ({
    url: new URL(form.getAttribute("action") || location.href, location.href).href,
    fields: [...new FormData(form, button)].map(([name, value]) => [name, String(value)]),
  })))"""
"""Each button of a page that sends a form, with what it would send."""
NOT_PICTURES = ("/export/", "/live/stream", "/qr.svg", "/oidc/callback")
"""What browsers ask for that is no page to look at."""


def _routes() -> list[tuple[str, str, str]]:
    """Return method, path and scope of every page and action, in the order in which they are tried."""
    links = [(method, path, "") for method, path, _ in checkout.PAGES]
    return links + [(page.method, ROOT + page.path, page.scope) for page in PAGES]


class Ledger:
    """Which pages and actions were asked for in a browser and answered, and which buttons people were shown."""

    def __init__(self) -> None:
        self._routes = [(method, path, scope, compile_path(path)[0]) for method, path, scope in _routes()]
        self._driven: set[str] = set()
        self._pictured: dict[str, set[str]] = defaultdict(set)
        self._seen: dict[str, set[str]] = defaultdict(set)
        """By button, the roles that saw it."""

    def watch(self, context: Any) -> None:
        """Note what a browser asks for."""
        context.on("response", self._note)

    def _note(self, response: Any) -> None:
        request = response.request
        if response.status >= 400 or "/static/" in request.url:
            return
        if route := self._route(request.method, request.url):
            self._driven.add(route)
            if request.method == "POST":
                fields = {name: values[0] for name, values in parse_qs(request.post_data or "").items()}
                self._driven.add(_button(route, fields))

    def look(self, page: Any, role: str, look: str = "") -> None:
        """Note the buttons of a page that somebody is at, and with a `look` that there is a picture of it."""
        for form in page.evaluate(FORMS):
            if route := self._route("POST", form["url"]):
                self._seen[_button(route, dict(form["fields"]))].add(role)
        if look and (route := self._route("GET", page.url)):
            self._pictured[route].add(look)

    def _route(self, method: str, url: str) -> str:
        path = urlsplit(url).path
        for known, template, _, pattern in self._routes:
            if known == method and pattern.match(path):
                return f"{method} {template}"
        return ""

    def missing(self, looks: set[str]) -> Iterator[str]:
        """Yield what was not driven, not pictured, and what people were shown who may not do it."""
        routes = {f"{method} {template}": scope for method, template, scope, _ in self._routes}
        for route in routes:
            if route not in self._driven:
                yield f"not driven: {route}"
            is_page = route.startswith("GET") and not any(part in route for part in NOT_PICTURES)
            if is_page and (lacks := looks - self._pictured[route]):
                yield f"not pictured: {route}: {', '.join(sorted(lacks))}"
        for button, roles in sorted(self._seen.items()):
            if button not in self._driven:
                yield f"not driven: {button} (seen by {', '.join(sorted(roles))})"
            scope = routes[button.partition(" [")[0]]
            for role in sorted(roles):
                if role and not _may(role, scope):
                    yield f"{button} is shown to {role}, who may not"

    def counts(self) -> str:
        """Return how much was driven, in a line."""
        pages = sum(1 for one in self._driven if one.startswith("GET"))
        actions = {one for one in self._driven if one.startswith("POST")}
        buttons = {one for one in actions if "[" in one or not any(o.startswith(f"{one} [") for o in actions)}
        return f"{pages} pages and {len(buttons)} actions were driven, {len(self._seen)} buttons were seen"


def _button(route: str, fields: dict[str, str]) -> str:
    for name in VALUES:
        if name in fields:
            return f"{route} [{name}={fields[name]}]"
    for name in NAMES:
        if name in fields:
            return f"{route} [{name}]"
    return route


def _may(role: str, scope: str) -> bool:
    merchant_id = None if role == "operator" else UUID(int=1)
    return User(new_id(), "", "", role, merchant_id, "", None, 0, 0, None, utc_now()).may(scope)
