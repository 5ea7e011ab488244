"""Disputes agree with the provider's, by legal steps only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from payment_svc.domain.dispute import DISPUTE_TRANSITIONS, Dispute, DisputeSnapshot, DisputeStatus, apply

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


def test_late_news_of_an_open_dispute_does_not_reopen_a_decided_one() -> None:
    lost = apply(OPENED, said(S.LOST), NOW)
    assert lost
    assert apply(lost, said(S.UNDER_REVIEW), NOW) is None


def test_decision_that_the_bank_reverses_is_followed() -> None:
    lost = replace(OPENED, status=S.LOST)
    won = apply(lost, said(S.WON), NOW)
    assert won
    assert won.status == S.WON
