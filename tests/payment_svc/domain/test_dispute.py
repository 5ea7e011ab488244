"""Disputes agree with the provider's, by legal steps only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from payment_svc.domain.dispute import (
    DISPUTE_TRANSITIONS,
    LOOK_AFTER,
    Dispute,
    DisputeSnapshot,
    DisputeStatus,
    apply,
    look_after,
)

S = DisputeStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPENED = Dispute(
    dispute_id=UUID(int=1),
    payment_id=UUID(int=2),
    merchant_id=UUID(int=3),
    order_id=UUID(int=4),
    provider="stripe",
    provider_reference="du_1",
    amount=Money(1200, "EUR"),
    status=S.NEEDS_RESPONSE,
    reason="fraudulent",
    respond_before=NOW,
    version=1,
    create_time=NOW,
    update_time=NOW,
)


def said(status: DisputeStatus) -> DisputeSnapshot:
    return DisputeSnapshot("du_1", "", OPENED.amount, status, OPENED.reason, NOW)


@given(st.lists(st.sampled_from(sorted(S)), max_size=8))
def test_snapshots_in_any_order_take_only_legal_steps(told: list[DisputeStatus]) -> None:
    versions = [OPENED]
    for status in told:
        changed = apply(versions[-1], said(status), NOW)
        versions += [changed] if changed else []
    for before, after in pairwise(versions):
        assert after.version == before.version + 1
        assert after.status == before.status or after.status in DISPUTE_TRANSITIONS[before.status]


@given(st.sampled_from(sorted(S)))
def test_same_snapshot_again_changes_nothing(status: DisputeStatus) -> None:
    once = apply(OPENED, said(status), NOW) or OPENED
    assert apply(once, said(status), NOW) is None


@pytest.mark.parametrize("decided", [S.LOST, S.WON])
@pytest.mark.parametrize("stage", [S.NEEDS_RESPONSE, S.UNDER_REVIEW])
def test_appeal_after_a_decision_has_a_deadline_of_its_own(decided: DisputeStatus, stage: DisputeStatus) -> None:
    """PayPal's stages of arbitration are of the same dispute. Which look is the later one, its version tells."""
    ended = apply(OPENED, said(decided), NOW)
    assert ended
    due = NOW + timedelta(days=10)
    again = apply(ended, replace(said(stage), respond_before=due), NOW)
    assert again
    assert (again.status, again.respond_before, again.version) == (stage, due, 3)


@pytest.mark.parametrize(
    ("status", "left", "wait"),
    [
        (S.NEEDS_RESPONSE, None, LOOK_AFTER),
        (S.UNDER_REVIEW, timedelta(hours=3), timedelta(hours=3, minutes=5)),
        (S.NEEDS_RESPONSE, timedelta(0), timedelta(minutes=5)),
        (S.NEEDS_RESPONSE, timedelta(minutes=-5), LOOK_AFTER),
        (S.NEEDS_RESPONSE, timedelta(days=-9), LOOK_AFTER),
        (S.NEEDS_RESPONSE, timedelta(days=9), LOOK_AFTER),
        (S.WON, timedelta(hours=3), None),
        (S.LOST, None, None),
        (S.CLOSED, None, None),
    ],
)
def test_open_dispute_is_looked_at_daily_and_when_its_time_is_up(
    status: DisputeStatus, left: timedelta | None, wait: timedelta | None
) -> None:
    due = NOW + left if left is not None else None
    assert look_after(replace(OPENED, status=status, respond_before=due), NOW) == wait


def test_decision_that_the_bank_reverses_is_followed() -> None:
    lost = replace(OPENED, status=S.LOST)
    won = apply(lost, said(S.WON), NOW)
    assert won
    assert won.status == S.WON


DAY = timedelta(days=1)


def held(status: DisputeStatus, minor: int = 1200) -> DisputeSnapshot:
    """Return what a provider says that has taken the money."""
    return DisputeSnapshot("du_1", "", Money(minor, "EUR"), status, OPENED.reason, NOW, withdrawn=True)


def test_money_is_taken_at_one_time_and_given_back_at_another() -> None:
    """An inquiry takes none; what changes later changes no time that books were closed by."""
    inquiry = apply(OPENED, said(S.UNDER_REVIEW), NOW)
    assert inquiry
    assert (inquiry.withdrawn, inquiry.withdraw_time) == (0, None)
    taken = apply(inquiry, held(S.NEEDS_RESPONSE), NOW + DAY)
    assert taken
    assert (taken.withdrawn, taken.withdraw_time, taken.in_refunds) == (1200, NOW + DAY, False)
    less = apply(taken, held(S.UNDER_REVIEW, 900), NOW + 2 * DAY)
    assert less
    assert (less.amount.minor, less.withdrawn, less.withdraw_time) == (900, 1200, NOW + DAY)
    won = apply(less, said(S.WON), NOW + 3 * DAY)
    assert won
    assert (won.withdraw_time, won.reinstate_time) == (NOW + DAY, NOW + 3 * DAY)
    lost = apply(won, held(S.LOST), NOW + 4 * DAY)
    assert lost
    assert (lost.withdraw_time, lost.reinstate_time) == (NOW + DAY, None)


def test_money_that_was_taken_and_given_back_before_anybody_heard_has_not_moved() -> None:
    won = apply(OPENED, said(S.WON), NOW)
    assert won
    assert (won.withdraw_time, won.reinstate_time) == (None, None)


def test_loss_that_the_provider_makes_a_refund_of_says_so() -> None:
    lost = apply(OPENED, replace(held(S.LOST), in_refunds=True), NOW)
    assert lost
    assert (lost.withdrawn, lost.in_refunds) == (1200, True)
