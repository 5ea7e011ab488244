"""The way from a link's page to a provider's: who is offered, which page opens, and who waits for whom."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest

from mesh import context
from mesh.errors import ApiError, failed_precondition
from mesh.money import Money
from payment_svc.domain.account import Tenant
from payment_svc.domain.new_payment import NewPayment
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus
from payment_svc.order_port import Chosen, LinkOrder, OpenedLink
from payment_svc.providers.base import AmountNotSupportedError, Capabilities
from payment_svc.use_cases import checkouts
from payment_svc.use_cases.checkouts import MAX_PAYMENTS, Checkouts, CheckoutState
from tests.support.providers.paypal_api import PAYMENT

S = PaymentStatus
MERCHANT, LINK = uuid.UUID(int=2), uuid.UUID(int=8)
ORDER = LinkOrder(PAYMENT.order_id, "NEW", None)
OPENED = OpenedLink(
    MERCHANT, LINK, "test", "https://pay.example/a", "ACTIVE", Money(1200, "EUR"), "a chair", "", 2,
    expire_time=None, order=ORDER, is_displaced=False,
)  # fmt: skip
PAGE = "https://provider.example/page"
WAITS = replace(PAYMENT, status=S.REQUIRES_ACTION, redirect_url=PAGE, provider="paypal")
FAILED = replace(PAYMENT, status=S.FAILED, redirect_url="", provider_reference="x")
ABLE = Capabilities(True, "", timedelta(days=7), True, True, True, True)


class Provider:
    """A provider that takes some amounts, and may be down."""

    def __init__(self, name: str, *, takes: bool = True, is_down: bool = False, pages: bool = True) -> None:
        self.name = name
        self.capabilities = replace(ABLE, hosted_page=pages)
        self._takes = takes
        self._is_down = is_down

    def check_amount(self, _amount: Money) -> None:
        """Refuse what it does not take."""
        if not self._takes:
            raise AmountNotSupportedError("no such currency")

    def is_open(self, _operation: str) -> bool:
        """Whether it is down."""
        return self._is_down


class World:
    """What the use cases ask, in the test's hands."""

    def __init__(self, link: OpenedLink, begun: Sequence[Payment] = (), providers: Sequence[Provider] = ()) -> None:
        self.link = link
        self.begun = list(begun)
        self.providers = providers or [Provider("stripe"), Provider("paypal")]
        self.drained: dict[str, object] = {}
        self.does: list[str] = []
        self.errors: list[ApiError] = []
        self.asked_for: list[Any] = []
        self.made: NewPayment | None = None
        nobody = cast(Any, self)
        self.use_cases = Checkouts(nobody, nobody, nobody, nobody)

    async def find_link(self, token: str, checkout: str, order_id: uuid.UUID | None) -> OpenedLink:
        """Return the link."""
        self.asked_for.append((token, checkout, order_id))
        return self.link

    async def take_link(self, token: str, chosen: Chosen) -> OpenedLink:
        """Take a use."""
        self.does.append("takes")
        return self.link

    async def available(self, owner: Tenant) -> Sequence[Provider]:
        """Return the providers."""
        assert owner == Tenant(MERCHANT, "test")
        return self.providers

    async def active(self) -> dict[str, object]:
        """Return those in maintenance."""
        return self.drained

    async def page(self, listing: Any, *, after: Any, limit: int) -> list[Payment]:
        """Return the payments of the order."""
        assert (listing.equal, after) == ({"merchant_id": MERCHANT, "order_id": ORDER.order_id}, None)
        return self.begun[:limit]

    async def give_up(self, payment: Payment) -> None:
        """End a payment."""
        self.does.append("gives up")

    async def create(self, new: NewPayment, claim: object) -> Payment:
        """Open a page, or refuse it."""
        assert claim is None
        self.does.append("creates")
        self.made = new
        if self.errors:
            raise self.errors.pop(0)
        return replace(WAITS, redirect_url=f"{PAGE}/new")


def chosen(provider: str) -> Chosen:
    return Chosen("c", provider, "192.0.2.0")


@pytest.mark.parametrize(
    ("providers", "drained", "offered"),
    [
        ([Provider("stripe"), Provider("paypal")], (), ["stripe", "paypal"]),
        ([Provider("stripe", is_down=True), Provider("paypal")], (), ["paypal", "stripe"]),
        ([Provider("stripe", takes=False), Provider("paypal")], (), ["paypal"]),
        ([Provider("stripe", pages=False), Provider("paypal")], (), ["paypal"]),
        ([Provider("stripe"), Provider("paypal")], ("stripe",), ["paypal"]),
        ([Provider("stripe")], ("stripe",), []),
    ],
)
async def test_link_is_paid_where_it_can_be(
    providers: list[Provider], drained: tuple[str, ...], offered: list[str]
) -> None:
    world = World(OPENED, providers=providers)
    world.drained = dict.fromkeys(drained, object())
    shown = await world.use_cases.show("t", "c", ORDER.order_id)
    assert [one.provider for one in shown.choices] == offered
    assert all(one.display_name for one in shown.choices)
    assert world.asked_for == [("t", "c", ORDER.order_id)]


@pytest.mark.parametrize(
    ("link", "begun", "leads_to"),
    [
        (OPENED, [WAITS], ""),
        (replace(OPENED, return_url="https://shop.example/{ORDER_ID}/{PAYMENT_ID}"), [], ""),
        (
            replace(OPENED, return_url="https://shop.example/{ORDER_ID}/{PAYMENT_ID}"),
            [WAITS, FAILED],
            f"https://shop.example/{WAITS.order_id}/{WAITS.payment_id}",
        ),
        (replace(OPENED, return_url="https://shop.example/{ORDER_ID}", order=None), [WAITS], ""),
    ],
)
async def test_who_has_paid_is_led_back_to_the_shop(link: OpenedLink, begun: list[Payment], leads_to: str) -> None:
    assert (await World(link, begun).use_cases.show("t", "", None)).return_url == leads_to


NAMELESS = replace(PAYMENT, status=S.PROCESSING, redirect_url="", provider_reference="")
At = CheckoutState


@pytest.mark.parametrize(
    ("order", "begun", "link", "state"),
    [
        *((status, [], {}, At.PAID) for status in ("SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED")),
        ("", [], {}, At.OPEN),
        ("NEW", [], {}, At.OPEN),
        ("NEW", [], {"status": "USED_UP"}, At.OPEN),
        ("", [], {"status": "USED_UP"}, At.CLOSED),
        ("FAILED", [], {}, At.FAILED),
        ("FAILED", [], {"status": "EXPIRED"}, At.CLOSED),
        ("CANCELLED", [], {}, At.OPEN),
        ("NEW", [], {"is_displaced": True}, At.CLOSED),
        ("NEW", [FAILED] * (MAX_PAYMENTS - 1), {}, At.OPEN),
        ("NEW", [FAILED] * MAX_PAYMENTS, {}, At.CLOSED),
        ("PROCESSING", [WAITS], {}, At.WAITING),
        ("PROCESSING", [replace(WAITS, status=S.INITIATED)], {}, At.WAITING),
        ("PROCESSING", [replace(WAITS, status=S.PROCESSING)], {}, At.PROCESSING),
        ("PROCESSING", [replace(WAITS, redirect_url="")], {}, At.PROCESSING),
        ("PROCESSING", [WAITS], {"is_displaced": True}, At.CLOSED),
        ("PROCESSING", [], {}, At.PROCESSING),
        # nobody can have paid on a page that its provider did not open
        ("PROCESSING", [NAMELESS], {}, At.FAILED),
        ("PROCESSING", [replace(NAMELESS, status=S.INITIATED)], {}, At.OPEN),
        ("PROCESSING", [NAMELESS], {"is_displaced": True}, At.CLOSED),
    ],
)
async def test_page_says_how_far_a_customer_is(
    order: str, begun: list[Payment], link: dict[str, Any], state: CheckoutState
) -> None:
    given = replace(OPENED, order=replace(ORDER, status=order) if order else None, **link)
    assert (await World(given, begun).use_cases.show("t", "c", None)).state == state


async def started(world: World, provider: str = "paypal") -> str:
    context.enter(context.Call("trace"))
    order_id, page = await world.use_cases.start("t", chosen(provider))
    assert order_id == ORDER.order_id
    call = context.current()
    assert (call.merchant_id, call.mode, call.log["order_id"]) == (str(MERCHANT), "test", str(ORDER.order_id))
    return page


async def test_page_is_opened_once_for_all_who_ask() -> None:
    world = World(OPENED, [WAITS])
    assert await started(world) == PAGE
    assert world.does == ["takes"]


@pytest.mark.parametrize("begun", [[], [FAILED], [WAITS], [NAMELESS], [FAILED] * (MAX_PAYMENTS - 1)])
async def test_page_of_another_provider_takes_its_place(begun: list[Payment]) -> None:
    world = World(OPENED, begun)
    assert await started(world, "stripe") == f"{PAGE}/new"
    gives_up = bool(begun) and begun[0].has_no_page
    assert world.does == ["takes", *(["gives up"] if gives_up else []), "creates"]
    assert world.made == NewPayment(
        merchant_id=MERCHANT, order_id=ORDER.order_id, provider="stripe", payment_method="",
        return_url="https://pay.example/a/{ORDER_ID}", cancel_url="https://pay.example/a/{ORDER_ID}?came=back",
        capture_method=CaptureMethod.AUTOMATIC, mode="test", closes_page=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("link", "begun", "provider", "reason", "does"),
    [
        (OPENED, [], "adyen", "PROVIDER_UNKNOWN", []),
        (OPENED, [FAILED] * MAX_PAYMENTS, "stripe", "ORDER_NOT_PAYABLE", ["takes"]),
        *(
            (replace(OPENED, order=replace(ORDER, status=status)), [], "stripe", "ORDER_NOT_PAYABLE", ["takes"])
            for status in ("SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED")
        ),
    ],
)
async def test_payment_that_cannot_be_is_refused(
    link: OpenedLink, begun: list[Payment], provider: str, reason: str, does: list[str]
) -> None:
    world = World(link, begun)
    with pytest.raises(ApiError) as refused:
        await started(world, provider)
    assert (refused.value.reason, world.does) == (reason, does)


def taken(status: str | None, reason: str = "PAYMENT_IN_PROGRESS") -> ApiError:
    where = {} if status is None else {"status": status}
    return failed_precondition(reason, "taken", **where)


@pytest.mark.parametrize("status", ["INITIATED", "FAILED", "CANCELLED", None])
async def test_who_comes_a_moment_too_early_waits(status: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkouts, "POLL_SECONDS", 0.0)
    world = World(OPENED)
    # and once by who is still at work on the one that has the place
    world.errors = [*[taken(status)] * 2, ApiError(grpc.StatusCode.ABORTED, "OPERATION_IN_PROGRESS", "at work")]
    assert await started(world) == f"{PAGE}/new"
    assert world.does == ["takes", *["creates"] * 4]


@pytest.mark.parametrize(
    "error",
    [
        taken("PROCESSING"),
        taken("SUCCESS"),
        taken("INITIATED", "ORDER_NOT_PAYABLE"),
        ApiError(grpc.StatusCode.UNAVAILABLE, "PAYMENT_IN_PROGRESS", "taken"),
    ],
)
async def test_what_does_not_pass_is_told_at_once(error: ApiError) -> None:
    world = World(OPENED)
    world.errors = [error]
    with pytest.raises(ApiError) as refused:
        await started(world)
    assert refused.value is error


async def test_nobody_waits_longer_than_the_call_has(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 106.9, 107.1, 108.1])
    monkeypatch.setattr(checkouts, "time", SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr(checkouts, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(context.Call, "remaining", lambda _: 8.0)
    world = World(OPENED)
    world.errors = [taken("INITIATED")] * 9
    with pytest.raises(ApiError):
        await started(world)
    assert world.does == ["takes", "creates", "creates"]
