"""Whatever a provider says of a refund, in whatever order: legal steps only, and one end."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from payment_svc.domain.payment import AmountMismatchError, Failure
from payment_svc.domain.refund import REFUND_TRANSITIONS, SURPLUS, Refund, RefundSnapshot, RefundStatus, apply, not_sent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REFUND = Refund(
    refund_id=uuid.UUID(int=1),
    payment_id=uuid.UUID(int=2),
    merchant_id=uuid.UUID(int=3),
    order_id=uuid.UUID(int=4),
    amount=Money(500, "EUR"),
    status=RefundStatus.PENDING,
    reason="",
    provider_reference="",
    failure=None,
    version=1,
    create_time=NOW,
    update_time=NOW,
)
FAILURE = Failure("processing_error", "it came back")


@given(st.lists(st.sampled_from(RefundStatus), max_size=12))
def test_any_sequence_of_news_takes_legal_steps_with_a_version_each(news: list[RefundStatus]) -> None:
    refund = REFUND
    for status in news:
        changed = apply(refund, RefundSnapshot("re_1", status, Money(500, "EUR"), FAILURE), NOW)
        if changed is None:
            continue
        assert changed.version == refund.version + 1
        assert changed.status == refund.status or changed.status in REFUND_TRANSITIONS[refund.status]
        refund = changed
    assert RefundStatus.FAILED not in news or refund.status == RefundStatus.FAILED


def test_the_same_news_twice_changes_nothing() -> None:
    snapshot = RefundSnapshot("re_1", RefundStatus.SUCCESS)
    refund = apply(REFUND, snapshot, NOW)
    assert refund is not None
    assert apply(refund, snapshot, NOW) is None


def test_another_amount_than_ours_is_not_believed() -> None:
    with pytest.raises(AmountMismatchError):
        apply(REFUND, RefundSnapshot("re_1", RefundStatus.SUCCESS, Money(501, "EUR")), NOW)


def test_what_is_owed_does_not_fail_because_its_provider_was_out_of_reach() -> None:
    asked_for = not_sent(REFUND, 1, FAILURE, NOW)
    assert asked_for is not None
    assert asked_for.status == RefundStatus.FAILED
    assert not_sent(replace(REFUND, reason=SURPLUS, is_owed=True), 1, FAILURE, NOW) is None
