"""Which case proves which capability, and what a provider must answer that lacks it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from payment_svc.providers.base import Capabilities
from tests.providers.shop import Shop, assert_not_supported

Case = Callable[..., Any]
EVERY = "every provider"
"""In place of a capability: what no provider may lack."""

CASES: dict[str, dict[str, None]] = {name: {} for name in (EVERY, *(one.name for one in fields(Capabilities)))}
"""The names of the cases by what they prove, each once, in the order in which they are written."""


def proves(*capabilities: str) -> Callable[[Case], Case]:
    """Register a case. Where the provider lacks one of the capabilities, the case is that it refuses precisely."""

    def register(test: Case) -> Case:
        for capability in capabilities or (EVERY,):
            CASES[capability][test.__name__] = None

        @functools.wraps(test)
        def case(shop: Shop, **fixtures: Any) -> None:
            for capability in capabilities:
                if not getattr(shop.can, capability):
                    REFUSALS[capability](shop)
                    return
            test(shop=shop, **fixtures)

        if inspect.iscoroutinefunction(test):
            assert not capabilities, "a case that awaits is for every provider: its refusal would not be awaited"
            return test
        return case

    return register


def _refuses_to_start(field: str, **fields: str) -> Callable[[Shop], None]:
    """What the provider cannot do is refused before anything is stored, and the order can still be paid otherwise."""

    def refuses(shop: Shop) -> None:
        order_id = shop.order()
        assert_not_supported(shop.start(order_id, **fields), field)
        assert shop.merchant.order(order_id)["status"] == "NEW"
        assert shop.merchant.get("/v1/payments", order_id=order_id).get("payments", []) == []

    return refuses


def _refuses_partial_capture(shop: Shop) -> None:
    payment = shop.authorized()
    assert_not_supported(shop.act(payment, "capture", "4.00"), "amount")
    assert shop.merchant.payment(payment["payment_id"]) == payment


def _refuses_refund(field: str, value: str) -> Callable[[Shop], None]:
    def refuses(shop: Shop) -> None:
        payment = shop.paid()
        assert_not_supported(shop.act(payment, "refunds", value), field)
        assert shop.books.refunds(payment["order_id"]) == []

    return refuses


def _has_no_disputes(shop: Shop) -> None:
    assert shop.driver.dispute(shop.paid()).status_code == 400


REFUSALS: dict[str, Callable[[Shop], None]] = {
    "hosted_page": _refuses_to_start("payment_method"),
    "tokens": _refuses_to_start("payment_method", payment_method="pm_card_visa"),
    "authorization_lifetime": _refuses_to_start("capture_method", capture_method="MANUAL"),
    "partial_capture": _refuses_partial_capture,
    "refunds": _refuses_refund("payment_id", ""),
    "partial_refunds": _refuses_refund("amount", "4.00"),
    "disputes": _has_no_disputes,
}
