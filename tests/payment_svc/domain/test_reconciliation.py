"""What a provider shows given back, held against ours."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.money import Money
from payment_svc.domain.reconciliation import Given
from payment_svc.providers.stripe import objects

REFUNDED_700: dict[str, Any] = {"amount": 1200, "amount_captured": 1200, "amount_refunded": 700, "currency": "eur"}


@pytest.mark.parametrize(
    ("given", "agrees"),
    [
        (Given(0, 0, 0), {0}),
        (Given(500, 0, 0), {500}),
        (Given(500, 200, 0), {500, 600, 700}),
        (Given(700, 0, 700), {0, 500, 700}),
        (Given(700, 0, 200), {500, 700}),
    ],
)
def test_what_is_under_way_or_was_written_off_may_be_shown_or_not(given: Given, agrees: set[int]) -> None:
    assert {shown for shown in range(0, 1300, 100) if given.fits(shown)} >= agrees
    assert not given.fits(min(agrees) - 1)
    assert not given.fits(max(agrees) + 1)


@pytest.mark.parametrize(
    ("charge", "refunded"),
    [
        (REFUNDED_700, Money(700, "EUR")),
        # what was let go of a hold counts as given back there
        (REFUNDED_700 | {"amount_captured": 500}, None),
        ("ch_1", None),
        (None, None),
    ],
)
def test_stripe_says_what_went_back_where_a_charge_was_captured_whole(charge: Any, refunded: Money | None) -> None:
    intent = {"id": "pi_1", "status": "succeeded", "amount": 1200, "amount_received": 1200, "currency": "eur"}
    record = objects.record_of({**intent, "created": 1, "latest_charge": charge, "metadata": {}})
    assert record.refunded == refunded
