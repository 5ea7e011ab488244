"""Whatever a provider says of a refund, in whatever order: legal steps only, and one end."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from payment_svc.domain.payment import AmountMismatchError, Failure
from payment_svc.domain.refund import (
    ENDED_REFUNDS,
    REFUND_TRANSITIONS,
    SURPLUS,
    Refund,
    RefundSnapshot,
    RefundStatus,
    apply,
    not_sent,
    reduce,
    refuse,
    take_amount,
    turn_down,
)

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


NAMED = replace(REFUND, provider_reference="re_1")
LATER = NOW + timedelta(hours=1)
S = RefundStatus


def stands(refund: Refund | None) -> tuple[str, int, str, str, int] | None:
    """Return status, amount, reference, failure and version."""
    if refund is None:
        return None
    assert refund.update_time == LATER
    failure = refund.failure.code if refund.failure else ""
    return str(refund.status), refund.amount.minor, refund.provider_reference, failure, refund.version


@pytest.mark.parametrize(
    ("left", "then"),
    [
        (501, None),
        (500, None),
        (499, ("PENDING", 499, "", "", 2)),
        (1, ("PENDING", 1, "", "", 2)),
        (0, ("FAILED", 500, "", "given_back", 2)),
        (-1, ("FAILED", 500, "", "given_back", 2)),
    ],
)
def test_what_was_not_sent_is_of_no_more_than_is_left(left: int, then: object) -> None:
    assert stands(reduce(REFUND, left, LATER)) == then


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (REFUND, ("PENDING", 300, "", "", 2)),
        (replace(REFUND, status=S.SUCCESS), ("SUCCESS", 300, "", "", 2)),
        (replace(REFUND, status=S.FAILED, failure=FAILURE), ("SUCCESS", 300, "", "", 2)),
        (replace(REFUND, amount=Money(300, "EUR")), None),
        (replace(REFUND, amount=Money(300, "USD")), ("PENDING", 300, "", "", 2)),
    ],
)
def test_amount_that_a_person_says_is_taken(before: Refund, then: object) -> None:
    assert stands(take_amount(before, Money(300, "EUR"), LATER)) == then


@pytest.mark.parametrize(
    ("before", "reference", "then"),
    [
        (REFUND, "", ("FAILED", 500, "", "processing_error", 2)),
        (REFUND, "re_2", ("FAILED", 500, "re_2", "processing_error", 2)),
        (replace(REFUND, provider_reference="re_1"), "", ("FAILED", 500, "re_1", "processing_error", 2)),
        (replace(REFUND, status=S.SUCCESS), "", ("FAILED", 500, "", "processing_error", 2)),
        (replace(REFUND, status=S.FAILED), "re_2", None),
    ],
)
def test_person_may_say_that_it_was_not_made(before: Refund, reference: str, then: object) -> None:
    assert stands(turn_down(before, reference, FAILURE, LATER)) == then


@pytest.mark.parametrize(
    ("status", "reference", "ends"),
    [
        (S.PENDING, "", True),
        (S.NEEDS_REVIEW, "", True),
        (S.SUCCESS, "", False),
        (S.FAILED, "", False),
        (S.PENDING, "re_1", False),
    ],
)
def test_refusal_ends_what_is_open_and_has_shown_nothing(status: RefundStatus, reference: str, ends: bool) -> None:
    refused = refuse(replace(REFUND, status=status, provider_reference=reference), FAILURE, LATER)
    assert stands(refused) == (("FAILED", 500, "", "processing_error", 2) if ends else None)


@pytest.mark.parametrize(
    ("version", "sends", "ends"), [(1, 1, True), (1, 0, True), (2, 1, False), (0, 1, False), (1, 2, False)]
)
def test_only_the_first_try_can_say_that_nothing_was_sent(version: int, sends: int, ends: bool) -> None:
    assert (not_sent(replace(REFUND, sends=sends), version, FAILURE, LATER) is not None) is ends


@pytest.mark.parametrize(
    ("before", "said", "then"),
    [
        # what failed by its own object stays so, and what failed by a call alone does not
        (replace(REFUND, status=S.FAILED, provider_reference="re_1"), RefundSnapshot("re_1", S.SUCCESS), None),
        (replace(REFUND, status=S.FAILED), RefundSnapshot("re_1", S.SUCCESS), ("SUCCESS", 500, "re_1", "", 2)),
        (replace(REFUND, status=S.FAILED), RefundSnapshot("re_1", S.PENDING), None),
        # a name is news, also without a step
        (REFUND, RefundSnapshot("re_1", S.PENDING), ("PENDING", 500, "re_1", "", 2)),
        (REFUND, RefundSnapshot("", S.PENDING), None),
        (REFUND, RefundSnapshot("", S.SUCCESS), ("SUCCESS", 500, "", "", 2)),
        (NAMED, RefundSnapshot("", S.SUCCESS), ("SUCCESS", 500, "re_1", "", 2)),
        (NAMED, RefundSnapshot("re_2", S.PENDING), ("PENDING", 500, "re_2", "", 2)),
        # why it failed is told of what has failed only
        (REFUND, RefundSnapshot("re_1", S.SUCCESS, None, FAILURE), ("SUCCESS", 500, "re_1", "", 2)),
        (REFUND, RefundSnapshot("re_1", S.FAILED, None, FAILURE), ("FAILED", 500, "re_1", "processing_error", 2)),
        # of what failed, none went back, whatever amount is shown
        (REFUND, RefundSnapshot("re_1", S.FAILED, Money(1, "EUR")), ("FAILED", 500, "re_1", "", 2)),
    ],
)  # fmt: skip
def test_what_a_provider_says_of_a_refund_counts(before: Refund, said: RefundSnapshot, then: object) -> None:
    assert stands(apply(before, said, LATER)) == then


@pytest.mark.parametrize(
    ("status", "said"),
    [(S.PENDING, S.PENDING), (S.PENDING, S.SUCCESS), (S.SUCCESS, S.SUCCESS), (S.FAILED, S.SUCCESS)],
)
def test_another_amount_is_noticed_wherever_money_may_have_moved(status: RefundStatus, said: RefundStatus) -> None:
    with pytest.raises(AmountMismatchError):
        apply(replace(REFUND, status=status), RefundSnapshot("re_1", said, Money(499, "EUR")), LATER)


def test_what_a_failed_refund_would_have_been_of_is_not_looked_at() -> None:
    failed = replace(REFUND, status=S.FAILED)
    assert apply(failed, RefundSnapshot("re_1", S.PENDING, Money(499, "EUR")), LATER) is None


def test_steps_of_a_refund_are_as_agreed() -> None:
    assert {one: set(steps) for one, steps in REFUND_TRANSITIONS.items()} == {
        S.PENDING: {S.SUCCESS, S.FAILED, S.NEEDS_REVIEW},
        S.NEEDS_REVIEW: {S.SUCCESS, S.FAILED},
        S.SUCCESS: {S.FAILED},
        S.FAILED: {S.SUCCESS},
    }
    assert set(ENDED_REFUNDS) == {S.SUCCESS, S.FAILED}


@pytest.mark.parametrize("status", RefundStatus)
@pytest.mark.parametrize("said", RefundStatus)
@pytest.mark.parametrize("name", ["", "re_1", "re_2"])
def test_refund_follows_legal_steps_and_learns_its_name(status: RefundStatus, said: RefundStatus, name: str) -> None:
    known = replace(REFUND, status=status, provider_reference="re_1" if status != RefundStatus.FAILED else "")
    changed = apply(known, RefundSnapshot(name, said), NOW)
    steps = said in REFUND_TRANSITIONS[status]
    is_news = said == status and name not in ("", known.provider_reference)
    if not (steps or is_news):
        assert changed is None
        return
    expected: dict[str, Any] = {"status": said, "provider_reference": name or known.provider_reference, "failure": None}
    if said == S.SUCCESS:
        expected["success_time"] = NOW
    assert changed == replace(known, version=known.version + 1, update_time=NOW, **expected)


def test_money_goes_back_at_one_time_and_comes_back_at_another() -> None:
    """What is heard later changes neither: books were closed by them."""
    made = apply(REFUND, RefundSnapshot("re_1", S.SUCCESS), NOW)
    assert made
    assert (made.success_time, made.reverse_time) == (NOW, None)
    renamed = apply(made, RefundSnapshot("re_2", S.SUCCESS), LATER)
    assert renamed
    assert (renamed.success_time, renamed.update_time) == (NOW, LATER)
    back = apply(renamed, RefundSnapshot("re_2", S.FAILED, failure=FAILURE), LATER)
    assert back
    assert (back.success_time, back.reverse_time) == (NOW, LATER)
    said = turn_down(made, "", FAILURE, LATER)
    assert said
    assert said.reverse_time == LATER
    # a person says that it never came back
    again = take_amount(back, Money(400, "EUR"), LATER)
    assert again
    assert (again.success_time, again.reverse_time) == (NOW, None)


@pytest.mark.parametrize("status", [S.FAILED, S.NEEDS_REVIEW])
def test_money_that_never_went_back_has_no_time(status: RefundStatus) -> None:
    changed = apply(REFUND, RefundSnapshot("re_1", status, failure=FAILURE), NOW)
    assert changed
    assert (changed.success_time, changed.reverse_time) == (None, None)
