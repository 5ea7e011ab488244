"""What all pages share: who visits, what they may, forms that no other site can send, and the headers of answers."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from console.api.formats import FILTERS
from console.api.forms import read_form
from console.api.glances import Glances, Orders
from console.clients.conditions import Conditions
from console.clients.merchant_api import ApiError, MerchantApi, PublicApi
from console.clients.operator_api import OperatorApi
from console.clients.post import Post
from console.clients.request_log import RequestLog
from console.domain import Session, Signer, User, networks_of
from console.use_cases.accounts import Accounts
from console.use_cases.attempts import Attempts, is_attempt
from console.use_cases.federation import Federation
from console.use_cases.invitations import Invitations
from console.use_cases.passkeys import Passkeys
from console.use_cases.sessions import SessionOverError, Sessions
from console.use_cases.views import Views
from mesh import context
from mesh.rpc.headers import CLIENT_ADDRESS, CONSOLE_ACT
from mesh.telemetry import get_logger

log = get_logger(__name__)

ROOT = "/console"
ACTS = f"{ROOT}/acts"
WHO = "fusionxpay.user"
"""Where a request's scope has who is logged in, for the audit."""
FOLDER = Path(__file__).resolve().parent.parent
UNAUTHORIZED = 401
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}

templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=ChainableUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters.update(FILTERS)


@dataclass(frozen=True)
class Rooms:
    """What pages work with."""

    accounts: Accounts
    sessions: Sessions
    attempts: Attempts
    invitations: Invitations
    views: Views
    public_api: PublicApi
    operators: OperatorApi
    requests: RequestLog
    post: Post
    passkeys: Passkeys
    federation: Federation | None
    oidc_name: str
    """What the button of the provider of identities says; empty: there is none."""
    public_url: str
    signer: Signer
    conditions: Conditions
    open_streams: Counter[UUID] = field(default_factory=Counter)
    """How many streams of events each user has open here."""
    glances: Glances = field(default_factory=Glances)
    orders_of: Orders = field(default_factory=Orders)

    @property
    def is_secure(self) -> bool:
        """Whether people reach the console by HTTPS."""
        return self.public_url.startswith("https:")

    @property
    def cookie(self) -> str:
        """The session cookie's name; browsers take one of this prefix only from this host, by HTTPS, for all paths."""
        return "__Host-fusionxpay" if self.is_secure else "fusionxpay_console"

    def is_own(self, origin: str | None, host: str) -> bool:
        """Whether a browser says that a form came from here. Envoy takes the port off the host; ours is public."""
        if origin is None:
            return True
        said, public = urlsplit(origin), urlsplit(self.public_url)
        return said.hostname == urlsplit(f"//{host}").hostname and (said.scheme, said.port) == (
            public.scheme,
            public.port,
        )


@dataclass
class Visit:
    """One request, of whom it is, and what answers it."""

    request: Request
    rooms: Rooms
    token: str = ""
    user: User | None = None
    login: Session | None = None
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def person(self) -> User:
        """The user who visits a page that needs one."""
        assert self.user
        return self.user

    @property
    def session(self) -> Session:
        """The session of the user."""
        assert self.login
        return self.login

    @property
    def networks(self) -> Sequence[str]:
        """The networks that the browser is in, the narrowest first."""
        return networks_of(self.request.headers.get(CLIENT_ADDRESS, ""))

    def query(self, name: str) -> str:
        """Return a query parameter, empty when there is none."""
        return self.request.query_params.get(name, "").strip()

    def path(self, name: str) -> str:
        """Return a segment of the path."""
        return str(self.request.path_params[name])

    async def api(self) -> MerchantApi:
        """Return the public API, as this person may use it."""
        key = await self.rooms.sessions.api_key(self.person, self.session)
        return self.rooms.public_api.of(key, f"user {self.person.user_id}")

    def render(self, template: str, code: int = 200, **values: Any) -> HTMLResponse:
        """Answer with a page."""
        common = {
            "user": self.user,
            "login": self.login,
            "may": self.user.may if self.user else lambda _scope: False,
            "form_token": self.rooms.signer.form_token(self.token, ROOT) if self.login else "",
            "attempt": secrets.token_hex(16),
            "root": ROOT,
            "here": self.request.url.path,
            "query": dict(self.request.query_params),
            "said": _SAID.get(self.query("said"), ""),
        }
        return HTMLResponse(templates.get_template(template).render(common | values), code)

    def go(self, path: str, said: str = "") -> Response:
        """Send the browser on; `said` names the words that the next page shows."""
        url = f"{ROOT}{path}" + (f"{'&' if '?' in path else '?'}said={said}" if said else "")
        return RedirectResponse(url, 303)


_SAID = {
    "captured": "The payment was captured.",
    "cancelled": "The payment was cancelled.",
    "refunded": "The refund was started.",
    "link_made": "The payment link is ready.",
    "order_cancelled": "The order was cancelled.",
    "resent": "The event is sent again.",
    "pinged": "A test event was sent.",
    "saved": "Saved.",
    "deleted": "Deleted.",
    "revoked": "The key was revoked.",
    "resolved": "Your answer was taken.",
    "closed": "Done.",
    "drained": "New payments go to the other providers.",
    "undrained": "Routing gives it payments again.",
}
"""Words that a page shows after a form, by name: none of them comes out of an address."""

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """A page or an action: its method, path, who may, and what answers."""

    method: str
    path: str
    handler: Handler
    scope: str = ""
    """What the visitor's role must have; empty: every user's."""
    is_open: bool = False
    """Whether it needs no login."""
    is_once: bool = False
    """Whether its form is taken once: nothing else would tell a repetition from another such request."""
    in_any_mode: bool = False
    """Whether what it does is about no mode's data: then a page of the other mode may ask for it."""

    def route(self, rooms: Rooms) -> Route:
        """Return the route."""

        async def endpoint(request: Request) -> Response:
            visit = await _visit(request, rooms)
            try:
                return await self._answer(visit)
            finally:
                # also beside what says that something went wrong
                request.scope[WHO] = visit.user

        return Route(ROOT + self.path, endpoint, methods=[self.method], name=f"{self.method} {self.path}")

    async def _answer(self, visit: Visit) -> Response:
        """Return what a visitor gets here."""
        refused = self._closed_to(visit)
        if refused is None and visit.request.method == "POST":
            refused = await _take_form(visit) or self._forged(visit)
        if refused:
            return refused
        try:
            if visit.request.method == "POST" and visit.login and not self.is_open:
                await _put_on_record(visit)
            return await self._repeated(visit) or await self.handler(visit)
        except SessionOverError:
            return _to_login(visit.request)
        except ApiError as error:
            return await _failed(visit, error)

    def _closed_to(self, visit: Visit) -> Response | None:
        """Return what somebody gets who may not come here."""
        if self.is_open:
            return None
        if visit.user is None:
            return _to_login(visit.request)
        if not visit.user.may(self.scope):
            return visit.render("error.html", 403, title="Not for your role", words=_NOT_ALLOWED)
        return None

    def _forged(self, visit: Visit) -> Response | None:
        """Refuse a form that no page of ours has sent: by where the browser says it comes from, and by its token."""
        if not is_sent_from_here(visit.request, visit.rooms):
            words = "This form was not sent by the console."
            return visit.render("error.html", 403, title="From another site", words=words)
        if self.is_open:
            return None
        if not visit.rooms.signer.is_form_token(visit.form.get("form_token", ""), visit.token, ROOT):
            words = "This page is of another login. Go back, load it again, and repeat."
            return visit.render("error.html", 403, title="Out of date", words=words)
        mode = visit.session.mode
        # pages of 0.4 say no mode, and act in their session's; from 0.6 on a page has to say it
        page = visit.form.get("page_mode", mode)
        if page != mode and not self.in_any_mode:
            # another tab has switched since
            words = _OF_OTHER_MODE.format(page=page, mode=mode)
            return visit.render("error.html", 409, title=f"You are in {mode} mode now", words=words)
        return None

    async def _repeated(self, visit: Visit) -> Response | None:
        """Refuse a form that was sent before, as when a page that answered one is loaded again."""
        attempt = visit.form.get("attempt")
        # pages of 0.4 have no name for this form; from 0.6 on none is taken without
        if visit.request.method != "POST" or not self.is_once or attempt is None:
            return None
        if not is_attempt(attempt):
            words = "This form has lost its name. Load its page again, and repeat."
            return visit.render("error.html", 400, title="Not done", words=words)
        if await visit.rooms.attempts.is_first(visit.session, visit.request.url.path, attempt):
            return None
        return visit.render("error.html", 409, title="Sent before", words=_SENT_BEFORE)


_OF_OTHER_MODE = (
    "Nothing was done: the page that this comes from is of your {page} data. Switch to {page} at the top and repeat "
    "it, or open the page again to do it with your {mode} data."
)
_SENT_BEFORE = (
    "This form was sent before, and was not taken again. What it did is on the page that it is from: open that again. "
    "A secret that it has shown is shown no more; a new one can be made."
)
_NOT_ALLOWED = "Your role does not include this. An owner of your account can change that."


async def _put_on_record(visit: Visit) -> None:
    """Have the audit told who does what, before it is done. Raises ApiError.

    Envoy writes down who it was when it has the answer's headers, and a browser may be gone by then: so the console
    first asks itself, through Envoy, and waits for that answer.
    """
    request, rooms = visit.request, visit.rooms
    if not request.scope["path"].isprintable():
        # no route has such a path, the one below neither
        raise ApiError(404, "NOT_FOUND", "There is nothing of this id.")
    path = f"{ACTS}{request.scope['raw_path'].decode('ascii', 'replace').removeprefix(ROOT)}"
    headers = {
        "cookie": f"{rooms.cookie}={visit.token}",
        "traceparent": context.current().traceparent,
        "user-agent": request.headers.get("user-agent", ""),
        CONSOLE_ACT: rooms.signer.form_token(visit.token, path),
    }
    if not await rooms.public_api.put_on_record(path, headers):
        # as 0.4 does, which is all that answers while replicas are replaced; from 0.6 on it is refused
        who, request_id = str(visit.person.user_id), request.headers.get("x-request-id", "")
        log.warning("an act is not on record before it is done", user_id=who, path=path, request_id=request_id)


def record(rooms: Rooms) -> Route:
    """Return the route by which the console tells the audit who is about to do what its path says."""

    async def endpoint(request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii", "replace")
        visit = await _visit(request, rooms)
        if visit.user is None or not rooms.signer.is_form_token(
            request.headers.get(CONSOLE_ACT, ""), visit.token, path
        ):
            # of nobody: who asks by themselves does nothing; 404 says that there is no such route
            raise HTTPException(403)
        request.scope[WHO] = visit.user
        return Response(status_code=204)

    return Route(f"{ACTS}/{{path:path}}", endpoint, methods=["POST"])


async def _visit(request: Request, rooms: Rooms) -> Visit:
    token = request.cookies.get(rooms.cookie, "")
    found = await rooms.sessions.resume(token) if token else None
    if found is None:
        return Visit(request, rooms)
    return Visit(request, rooms, token, *found)


async def _take_form(visit: Visit) -> Response | None:
    """Read the form; return what is answered to one that no browser sends."""
    form = await read_form(visit.request)
    if form is None:
        return visit.render("error.html", 400, title="Not done", words="This form cannot be read.")
    visit.form = form
    return None


def is_sent_from_here(request: Request, rooms: Rooms) -> bool:
    """Whether the browser says that a page of ours has sent a form."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    return site == "same-origin" and rooms.is_own(request.headers.get("origin"), request.headers.get("host", ""))


def _to_login(request: Request) -> Response:
    """Have the visitor log in and come back: to a page, never to an action."""
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    url = f"{ROOT}/login" + (f"?next={quote(back)}" if request.method == "GET" and back != f"{ROOT}/" else "")
    if request.headers.get("hx-request"):
        # a part of a page cannot be a login
        return Response(status_code=204, headers={"hx-redirect": url})
    return RedirectResponse(url, 303)


async def _failed(visit: Visit, error: ApiError) -> Response:
    """Say what the gateway did not do; which part is missing when it is one of its services."""
    if error.status == UNAUTHORIZED and visit.token:
        # the session's key was ended elsewhere: so is the session
        await visit.rooms.sessions.close(visit.token)
        return _to_login(visit.request)
    title = "Nothing here" if error.status == 404 else "Not done"
    words = error.words
    if error.status >= 500:
        title = "A part of the gateway is away"
    elif error.status == 404 and error.reason.endswith("_NOT_FOUND") and visit.login and not visit.person.is_operator:
        # the API's words are about keys, which nobody here has at hand
        words = f"There is nothing of this id in your {visit.login.mode} data. At the top you can switch to the other."
    return visit.render("error.html", error.status, title=title, words=words, fields=error.fields, reason=error.reason)


def local(path: str) -> str:
    """Return a path of the console to come back to; another site, or another part of this one, is not."""
    split = urlsplit(path)
    is_ours = path.startswith(f"{ROOT}/") and not split.netloc and not split.scheme and "\\" not in path
    # a browser goes up by these, out of the console
    goes_up = {".", ".."} & set(unquote(split.path).split("/"))
    return path.removeprefix(ROOT) if is_ours and not goes_up and path.isprintable() else "/"
