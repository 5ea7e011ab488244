"""The page of a payment link, for whoever opens it: no session, and nothing but what the link's address gives."""

from __future__ import annotations

import hmac
import io
import re
import secrets
import string
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from console.api.forms import read_form
from console.api.web import HEADERS, Rooms, is_sent_from_here, templates
from console.clients.checkout_api import CheckoutApi, Chosen
from console.clients.merchant_api import ApiError, Json
from console.domain import Signer
from mesh.ids import parse_uuid
from mesh.rpc.headers import CLIENT_ADDRESS
from mesh.telemetry import get_logger

log = get_logger(__name__)
ROOT = "/pay"
PATH = f"{ROOT}/{{token}}"
PAGE_HEADERS: Mapping[str, str] = HEADERS | {
    # no inline image either: what a merchant has written can load nothing
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-robots-tag": "noindex",
}
COOKIE_SECONDS = 30 * 24 * 3600
_TOKEN = re.compile("[a-z]{28}")
_NOT_FOUND = 404
NOTHING = ApiError(_NOT_FOUND, "PAYMENT_LINK_NOT_FOUND", "There is no such payment link.")
"""The same for an address that was never given out, one that is malformed, and one whose merchant was disabled."""


@dataclass(frozen=True)
class Till:
    """What the pages of links work with."""

    rooms: Rooms
    checkouts: CheckoutApi

    @property
    def cookie(self) -> str:
        """The cookie's name. It is of one link's path, so links know nothing of each other."""
        return "__Secure-fusionxpay_pay" if self.rooms.is_secure else "fusionxpay_pay"

    async def payee(self, account_id: str) -> str:
        """Return the merchant's name. Raises ApiError for one that was disabled, as for a link that is not there."""
        merchant = await self.rooms.operators.merchant(UUID(account_id))
        if merchant.get("disable_time"):
            raise NOTHING
        return str(merchant["display_name"])


@dataclass(frozen=True)
class Customer:
    """Who opens a link: its token, and what tells this browser from others that open it."""

    request: Request
    till: Till
    token: str
    checkout: str
    """Made up for this browser, and kept by it."""

    def render(self, template: str, code: int = 200, **values: Any) -> Response:
        """Answer with a page."""
        form_token = self.signer.form_token(self.checkout, self.token)
        common = {"form_token": form_token, "here": self.request.url.path, "link": self.address}
        answer = HTMLResponse(templates.get_template(f"pay/{template}").render(common | values), code)
        return self.keep(answer)

    @property
    def signer(self) -> Signer:
        """What signs the forms of this page."""
        return self.till.rooms.signer

    @property
    def source(self) -> str:
        """The network that this browser is in, as nobody but this link knows it."""
        return self.signer.source(self.request.headers.get(CLIENT_ADDRESS, ""), self.token)

    @property
    def address(self) -> str:
        """The path of the link."""
        return f"{ROOT}/{self.token}"

    def keep(self, answer: Response) -> Response:
        """Have the browser keep what tells it from others, for this link alone."""
        answer.set_cookie(
            self.till.cookie,
            self.checkout,
            max_age=COOKIE_SECONDS,
            path=self.address,
            secure=self.till.rooms.is_secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    def go(self, path: str = "") -> Response:
        """Send the browser on, within the link."""
        return self.keep(RedirectResponse(self.address + path, 303))


async def show(customer: Customer) -> Response:
    """Show a link: where to pay, or how it stands with what this browser has paid."""
    found = await customer.till.checkouts.show(customer.token, customer.checkout)
    return await _show(customer, found, is_back=True)


async def came_back(customer: Customer) -> Response:
    """Show how it stands with an order, to who comes back from a provider's page. The way says nothing of it."""
    order_id = parse_uuid(str(customer.request.path_params["order_id"]))
    if order_id is None:
        raise NOTHING
    found = await customer.till.checkouts.show(customer.token, customer.checkout, str(order_id))
    return await _show(customer, found, is_back=customer.request.query_params.get("came") == "back")


async def _show(customer: Customer, found: Json, *, is_back: bool) -> Response:
    """Show how far a customer is; `is_back` is whether they are about to pay, and not waiting to hear that they did."""
    state = found["state"]
    waits = state == "PROCESSING" or (state == "WAITING" and not is_back)
    return customer.render(
        "page.html",
        payee=await customer.till.payee(found["account_id"]),
        found=found,
        state=state,
        waits=waits,
        can_pay=state in ("OPEN", "FAILED") or (state == "WAITING" and not waits),
        again=state == "PAID" and found["max_uses"] > 1 and found["link_status"] == "ACTIVE",
        leads_to=_web_address(found["return_url"]),
    )


async def pay(customer: Customer) -> Response:
    """Lead to the page of the provider that was chosen. Whatever speaks against it, the link's own page tells."""
    form = await _form_of(customer)
    if form is None:
        return customer.render("message.html", 403, title="Not done", words=_FORGED)
    found = await customer.till.checkouts.show(customer.token, customer.checkout)
    payee = await customer.till.payee(found["account_id"])
    try:
        chosen = Chosen(customer.checkout, form.get("provider", ""), customer.source)
        order_id, url = await customer.till.checkouts.start(customer.token, chosen)
    except ApiError as error:
        if error.status >= 500 or error.status == _NOT_FOUND:
            raise
        log.info("a link was not paid", reason=error.reason)
        if words := _NOT_YET.get(error.reason):
            return customer.render("message.html", 409, title="Not yet", words=words)
        return customer.go()
    if not (leads_to := _web_address(url)):
        return customer.go(f"/{order_id}")
    # a page, because a form's own answer may not redirect to another site under `form-action 'self'`
    name = next((one["display_name"] for one in found["providers"] if one["provider"] == form["provider"]), "")
    return customer.render("leaving.html", payee=payee, leads_to=leads_to, name=name)


async def pay_again(customer: Customer) -> Response:
    """Begin anew, as another customer: of a link that may be paid more than once, by who has paid it."""
    if await _form_of(customer) is None:
        return customer.render("message.html", 403, title="Not done", words=_FORGED)
    return Customer(customer.request, customer.till, customer.token, _new_checkout()).go()


async def qr_code(customer: Customer) -> Response:
    """Draw the link's address; merchants may show the picture on their own pages."""
    found = await customer.till.checkouts.show(customer.token, "")
    await customer.till.payee(found["account_id"])
    public = customer.till.rooms.public_url.rstrip("/")
    drawn = io.BytesIO()
    segno.make(public + customer.address, error="m").save(
        drawn, kind="svg", scale=8, border=3, light="#fff", xmldecl=True, title="QR code of a payment link"
    )
    return Response(
        drawn.getvalue(), media_type="image/svg+xml", headers={"cross-origin-resource-policy": "cross-origin"}
    )


_NOT_YET = {
    "PAYMENT_LINK_BUSY": "Somebody has just chosen another way to pay this, on another device. Go on there, or choose "
    "the same way here. In five minutes it can be changed.",
    "PAYMENT_LINK_CROWDED": "Many people in your network are paying this right now. Nothing was paid here. "
    "Open the link again in a quarter of an hour.",
}
_FORGED = "This page is out of date, or your browser keeps no cookies. Open the link again."


async def _form_of(customer: Customer) -> Mapping[str, str] | None:
    """Return the form that a page of this link has sent, in this browser; None for any other."""
    form = await read_form(customer.request)
    kept = customer.request.cookies.get(customer.till.cookie, "")
    is_kept = hmac.compare_digest(kept.encode(), customer.checkout.encode())
    if form is None or not is_kept or not is_sent_from_here(customer.request, customer.till.rooms):
        return None
    given = form.get("form_token", "")
    return form if customer.signer.is_form_token(given, customer.checkout, customer.token) else None


def _new_checkout() -> str:
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(28))


def _web_address(url: str) -> str:
    """Return an address that a browser may be sent to; empty for any other kind."""
    return url if urlsplit(url).scheme in ("http", "https") else ""


Handler = Callable[[Customer], Awaitable[Response]]
PAGES: list[tuple[str, str, Handler]] = [
    ("GET", PATH, show),
    ("POST", PATH, pay),
    ("POST", f"{PATH}/again", pay_again),
    ("GET", f"{PATH}/qr.svg", qr_code),
    ("GET", f"{PATH}/{{order_id}}", came_back),
]


def routes(till: Till) -> list[Route]:
    """Return the routes of the pages."""
    return [_route(till, *page) for page in PAGES]


def _route(till: Till, method: str, path: str, handler: Handler) -> Route:
    async def endpoint(request: Request) -> Response:
        token = str(request.path_params["token"])
        kept = request.cookies.get(till.cookie, "")
        customer = Customer(request, till, token, kept if _TOKEN.fullmatch(kept) else _new_checkout())
        try:
            if not _TOKEN.fullmatch(token):
                raise NOTHING
            return await handler(customer)
        except ApiError as error:
            return _failed(error)

    return Route(path, endpoint, methods=[method], name=f"{method} {path}")


def _failed(error: ApiError) -> Response:
    """Say that there is nothing, in the same words whatever the reason, or that a part of the gateway is away."""
    if error.status in (400, _NOT_FOUND):
        words = "This payment link is not there. Look at the address, or ask who gave it to you."
        return message(_NOT_FOUND, "Nothing here", words)
    log.warning("the page of a link has no answer", reason=error.reason, error=error.words)
    words = "The gateway does not answer right now. If you have begun to pay, open the link again."
    return message(503, "One moment, please", words)


def message(status: int, title: str, words: str) -> Response:
    """Return a page that says one thing."""
    return HTMLResponse(templates.get_template("pay/message.html").render(title=title, words=words), status)
