"""The checkout of a payment link: where it can be paid, how far a customer is, and the way to a provider's page.

It acts for the link's merchant. All that it is asked with is the link's token, so nobody gets further by it than who
has the link's address.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import grpc

from mesh import context
from mesh.errors import ApiError, failed_precondition
from mesh.storage.listing import Listing
from mesh.urls.placeholders import filled
from payment_svc.domain.account import Tenant
from payment_svc.domain.new_payment import NewPayment
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus
from payment_svc.order_port import Chosen, LinkClient, LinkOrder, OpenedLink
from payment_svc.providers.base import AmountNotSupportedError, Provider
from payment_svc.providers.registry import display_name, unknown
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import check_start
from payment_svc.use_cases.payments import Payments
from payment_svc.use_cases.routing.maintenances import Maintenances
from payment_svc.use_cases.routing.router import START

PATIENCE_SECONDS = 8.0
"""How long a second request waits for the page that the first one opens; a provider has less than that to answer."""
POLL_SECONDS = 0.1
MAX_PAYMENTS = 10
"""How many payments one order takes: whoever has the address could open pages at its providers without end."""
PAID = ("SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED")


class CheckoutState(StrEnum):
    """How far a customer is; the names are the contract's."""

    OPEN = "OPEN"
    WAITING = "WAITING"
    PROCESSING = "PROCESSING"
    PAID = "PAID"
    FAILED = "FAILED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider that a customer can pay at."""

    provider: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """What the page of a link shows."""

    link: OpenedLink
    state: CheckoutState
    return_url: str
    choices: Sequence[Choice]


class Checkouts:
    """Shows links to customers, and starts their payments."""

    def __init__(self, links: LinkClient, payments: Payments, accounts: Accounts, maintenances: Maintenances) -> None:
        self._links = links
        self._payments = payments
        self._accounts = accounts
        self._maintenances = maintenances

    async def show(self, token: str, checkout: str, order_id: UUID | None) -> Checkout:
        """Return what the page shows. Raises ApiError NOT_FOUND."""
        link = await self._links.find_link(token, checkout, order_id)
        begun = await self._begun(link, link.order) if link.order else []
        payment = begun[0] if begun else None
        return Checkout(link, _state(link, begun), _leads_to(link, payment), await self._choices(link))

    async def _choices(self, link: OpenedLink) -> list[Choice]:
        """Return where a link can be paid; what is down comes last, as it may be up again.

        What is in maintenance is left out.
        """
        drained = await self._maintenances.active()
        able = [one for one in await self._accounts.available(_tenant(link)) if _fits(one, link)]
        able = [one for one in able if one.name not in drained]
        up = [one for one in able if not one.is_open(START)]
        found = [*up, *(one for one in able if one not in up)]
        return [Choice(one.name, display_name(one.name)) for one in found]

    async def start(self, token: str, chosen: Chosen) -> tuple[UUID, str]:
        """Take a use of a link and open a provider's page; return the order and the page, empty where none was given.

        Whoever asks again is sent to the same page, two tabs at once too. Raises ApiError as the contract says.
        """
        provider = chosen.provider
        found = await self._links.find_link(token, chosen.checkout, None)
        if provider not in (choices := [one.provider for one in await self._choices(found)]):
            # before it takes a use
            raise unknown(provider, choices, found.mode)
        link = await self._links.take_link(token, chosen)
        order = link.order
        assert order
        if order.status in PAID:
            raise failed_precondition("ORDER_NOT_PAYABLE", "this was paid already", order_id=str(order.order_id))
        call = context.current()
        # from here on it is a call of the link's merchant, and nobody else's
        call.merchant_id, call.mode = str(link.merchant_id), link.mode
        call.log.update(order_id=str(order.order_id))
        return order.order_id, await self._page(link, order, provider)

    async def _page(self, link: OpenedLink, order: LinkOrder, provider: str) -> str:
        until = time.monotonic() + min(PATIENCE_SECONDS, context.current().remaining() - 1)
        while True:
            begun = await self._begun(link, order)
            last = begun[0] if begun else None
            if last and _is_open(last) and last.provider == provider:
                return last.redirect_url
            if len(begun) >= MAX_PAYMENTS:
                words = f"{MAX_PAYMENTS} payments were begun of this order, and there are no more"
                raise failed_precondition("ORDER_NOT_PAYABLE", words, order_id=str(order.order_id))
            try:
                if last and last.has_no_page:
                    await self._payments.give_up(last)
                # it closes the page that waits for the customer, unless somebody has paid there
                made = await self._payments.create(_new_payment(link, order, provider), None)
                assert isinstance(made, Payment), "only of a key there is a record"
                return made.redirect_url
            except ApiError as error:
                # the other tab's request is opening its page, or the order has not heard yet how its payment ended
                if not _is_passing(error) or time.monotonic() > until:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    async def _begun(self, link: OpenedLink, order: LinkOrder) -> list[Payment]:
        """Return the payments of an order, newest first; no more than are allowed."""
        of_order = Listing({"merchant_id": link.merchant_id, "order_id": order.order_id})
        return await self._payments.page(of_order, after=None, limit=MAX_PAYMENTS)


def _tenant(link: OpenedLink) -> Tenant:
    return Tenant(link.merchant_id, link.mode)


def _fits(provider: ResilientProvider, link: OpenedLink) -> bool:
    able: Provider = provider
    try:
        check_start("", CaptureMethod.AUTOMATIC, able)
        able.check_amount(link.amount)
    except (ApiError, AmountNotSupportedError):
        return False
    return True


def _state(link: OpenedLink, begun: Sequence[Payment]) -> CheckoutState:
    """Return how far a customer is. Only the order says that something was paid or failed: silence says nothing.

    Of a page that its provider did not open it says enough: nobody can have paid there.
    """
    status = link.order.status if link.order else ""
    if status in PAID:
        return CheckoutState.PAID
    if status == "PROCESSING" and not (begun and begun[0].has_no_page):
        if not (begun and _is_open(begun[0])):
            return CheckoutState.PROCESSING
        return CheckoutState.CLOSED if link.is_displaced else CheckoutState.WAITING
    if link.is_displaced:
        return CheckoutState.CLOSED
    if len(begun) >= MAX_PAYMENTS:
        return CheckoutState.CLOSED
    if status == "PROCESSING":
        return CheckoutState.FAILED if begun[0].status == PaymentStatus.PROCESSING else CheckoutState.OPEN
    if status != "NEW" and link.status != "ACTIVE":
        return CheckoutState.CLOSED
    return CheckoutState.FAILED if status == "FAILED" else CheckoutState.OPEN


def _is_open(payment: Payment) -> bool:
    """Whether a provider's page waits for the customer."""
    return bool(payment.redirect_url) and payment.status in (PaymentStatus.INITIATED, PaymentStatus.REQUIRES_ACTION)


def _leads_to(link: OpenedLink, payment: Payment | None) -> str:
    """Return where the page leads who has paid."""
    if not link.return_url or payment is None:
        return ""
    return filled(link.return_url, payment.order_id, payment.payment_id, "RETURNED")


def _new_payment(link: OpenedLink, order: LinkOrder, provider: str) -> NewPayment:
    comes_back = f"{link.url}/{{ORDER_ID}}"
    return NewPayment(
        merchant_id=link.merchant_id,
        order_id=order.order_id,
        provider=provider,
        payment_method="",
        return_url=comes_back,
        cancel_url=f"{comes_back}?came=back",
        capture_method=CaptureMethod.AUTOMATIC,
        mode=link.mode,
        closes_page=True,
    )


def _is_passing(error: ApiError) -> bool:
    """Whether an order is taken for a moment: by a payment that is being started or worked on, or has just ended."""
    passing = ("INITIATED", "FAILED", "CANCELLED", "")
    return error.code is grpc.StatusCode.ABORTED or (
        error.code is grpc.StatusCode.FAILED_PRECONDITION
        and error.reason == "PAYMENT_IN_PROGRESS"
        and error.metadata.get("status", "") in passing
    )
