from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from uuid import UUID

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from mesh.paging import MAX_JSON
from payment_svc.contract.messages import payment_message
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain import schedule
from payment_svc.domain.payment import (
    LIVE,
    MOST_ATTEMPTS,
    TERMINAL,
    TRANSITIONS,
    AmountMismatchError,
    AttemptStatus,
    CaptureMethod,
    Fact,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Snapshot,
    first_attempt,
)

S = PaymentStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNT = Money(1200, "EUR")
DECLINED = Failure("card_declined", "declined", "generic_decline")
FRESH = Payment(
    payment_id=UUID(int=1),
    merchant_id=UUID(int=2),
    order_id=UUID(int=3),
    provider="stripe",
    provider_reference="",
    amount=AMOUNT,
    description="",
    status=S.INITIATED,
    capture_method=CaptureMethod.AUTOMATIC,
    captured=0,
    refunded=0,
    payment_method="",
    return_url="https://shop.example/",
    redirect_url="",
    failure=None,
    version=1,
    create_time=NOW,
    update_time=NOW,
    attempts=(first_attempt("stripe", NOW),),
)
OPEN = Snapshot("cs_1", S.INITIATED, redirect_url="https://pay.example/1")
REFUSED = replace(OPEN, failure=DECLINED)
WORKING = Snapshot("cs_1", S.PROCESSING)
CAPTURED = Snapshot("cs_1", S.SUCCESS, AMOUNT)
snapshots = st.sampled_from(
    [
        OPEN,
        REFUSED,
        WORKING,
        Snapshot("cs_1", S.AUTHORIZED, AMOUNT),
        CAPTURED,
        Snapshot("cs_1", S.FAILED, failure=DECLINED),
        Snapshot("cs_1", S.CANCELLED),
        Snapshot("cs_1", S.NEEDS_REVIEW),
    ]
)


def apply(payment: Payment, snapshot: Snapshot, now: datetime, hold: timedelta | None = None) -> list[Payment]:
    """Apply what the provider says of the attempt under way."""
    return transitions.apply(payment, Fact(payment.attempt.number, snapshot), now, hold)


def _after(payment: Payment, *told: Snapshot) -> list[Payment]:
    versions = [payment]
    for snapshot in told:
        versions += apply(versions[-1], snapshot, NOW)
    return versions


@given(st.lists(snapshots, max_size=8))
def test_snapshots_in_any_order_and_number_take_only_legal_steps(told: list[Snapshot]) -> None:
    versions = _after(FRESH, *told)
    for before, after in pairwise(versions):
        assert after.version == before.version + 1
        assert after.status == before.status or after.status in TRANSITIONS[before.status]


@given(st.lists(snapshots, max_size=8))
def test_capture_wins_wherever_it_comes(told: list[Snapshot]) -> None:
    last = _after(FRESH, *told)[-1]
    assert (last.status == S.SUCCESS) == (CAPTURED in told)


@given(st.lists(snapshots, max_size=5), snapshots)
def test_same_snapshot_again_changes_nothing(told: list[Snapshot], last: Snapshot) -> None:
    once = _after(FRESH, *told, last)[-1]
    assert apply(once, last, NOW + timedelta(hours=1)) == []


@pytest.mark.parametrize("told", list(permutations([OPEN, REFUSED, WORKING, CAPTURED])))
def test_story_of_a_customer_who_was_declined_once_ends_the_same_in_any_order(told: tuple[Snapshot, ...]) -> None:
    last = _after(FRESH, *told, *told)[-1]
    assert (last.status, last.failure, last.redirect_url) == (S.SUCCESS, None, "")


@pytest.mark.parametrize("status", sorted(TERMINAL))
@pytest.mark.parametrize("told", [OPEN, REFUSED, WORKING, Snapshot("cs_1", S.CANCELLED), Snapshot("cs_1", S.FAILED)])
def test_what_has_ended_does_not_go_back(status: PaymentStatus, told: Snapshot) -> None:
    assert apply(replace(FRESH, status=status), told, NOW) == []


def test_what_a_person_is_asked_about_is_not_opened_again_while_its_provider_works_on_it() -> None:
    asked = _after(FRESH, WORKING, Snapshot("cs_1", S.NEEDS_REVIEW))[-1]
    assert apply(asked, WORKING, NOW + timedelta(hours=1)) == []
    approved = replace(WORKING, approved=True)
    assert [version.status for version in apply(asked, approved, NOW)] == [S.PROCESSING], "the money is asked for"


def test_capture_that_comes_first_goes_by_way_of_processing() -> None:
    assert [version.status for version in apply(FRESH, CAPTURED, NOW)] == [S.PROCESSING, S.SUCCESS]


def test_refused_attempt_is_noted_and_the_payment_stays_open() -> None:
    (noted,) = apply(_after(FRESH, OPEN)[-1], REFUSED, NOW)
    assert (noted.status, noted.failure) == (S.INITIATED, DECLINED)
    assert noted.redirect_url == OPEN.redirect_url


@pytest.mark.parametrize("amount", [Money(1199, "EUR"), Money(1200, "USD")])
@pytest.mark.parametrize("status", PaymentStatus)
def test_other_money_than_ours_changes_no_state(amount: Money, status: PaymentStatus) -> None:
    with pytest.raises(AmountMismatchError):
        apply(replace(FRESH, status=status), replace(CAPTURED, amount=amount), NOW)


def test_every_status_is_either_live_or_terminal() -> None:
    assert set(PaymentStatus) == LIVE | TERMINAL
    assert not LIVE & TERMINAL


def test_look_ups_become_rarer_and_never_end() -> None:
    waits = [schedule.wait_after(checks) for checks in range(20)]
    assert waits == sorted(waits)
    assert waits[:5] == list(schedule.CHECKS)
    assert waits[-1] == schedule.CHECKS[-1]


@pytest.mark.parametrize(
    ("status", "age", "hopeless"),
    [
        (S.PROCESSING, timedelta(hours=27), True),
        (S.PROCESSING, timedelta(hours=25), False),
        (S.INITIATED, timedelta(days=9), False),
        (S.SUCCESS, timedelta(days=9), False),
    ],
)
def test_recovery_gives_up_on_what_nobody_answers_for(status: PaymentStatus, age: timedelta, hopeless: bool) -> None:
    # a customer may pay days after the page was opened
    payment = replace(FRESH, status=status, create_time=NOW - timedelta(days=3), update_time=NOW)
    assert schedule.is_hopeless(payment, NOW + age) is hopeless
    assert not schedule.is_hopeless(payment, NOW + age, timedelta(days=5))


@pytest.mark.parametrize(("minor", "believed"), [(1200, True), (700, True), (1201, False)])
def test_part_may_be_captured_by_hand_but_never_more(minor: int, believed: bool) -> None:
    held = replace(FRESH, capture_method=CaptureMethod.MANUAL, status=S.AUTHORIZED)
    captured = Snapshot("pi_1", S.SUCCESS, Money(minor, "EUR"))
    if believed:
        assert [payment.captured for payment in apply(held, captured, NOW)] == [minor]
    else:
        with pytest.raises(AmountMismatchError):
            apply(held, captured, NOW)


def _story(*told: Snapshot) -> list[tuple[int, str, str]]:
    """Return number, status and failure of every try after the snapshots."""
    attempts = _after(FRESH, *told)[-1].attempts
    return [(one.number, str(one.status), one.failure.code if one.failure else "") for one in attempts]


def test_payment_does_not_grow_with_every_card_that_is_refused() -> None:
    refusals = [Failure("card_declined", f"{number} " + "x" * 100_000, f"{number}") for number in range(300)]
    refused = _after(FRESH, *(replace(OPEN, failure=failure) for failure in refusals))[-1]
    assert [one.number for one in refused.attempts] == list(range(1, MOST_ATTEMPTS + 1))
    # the last one has the last refusal, of which the words are not all
    assert refused.attempt.failure == refused.failure == refusals[-1]
    assert (len(refusals[-1].message), refusals[-1].provider_code) == (500, "299")
    assert len(MessageToJson(payment_message(refused))) < MAX_JSON
    paid = apply(refused, CAPTURED, NOW)[-1].attempt
    assert (paid.number, paid.status) == (MOST_ATTEMPTS + 1, AttemptStatus.SUCCEEDED)


def test_declined_try_fails_and_the_next_one_succeeds() -> None:
    assert _story(OPEN, REFUSED, CAPTURED) == [(1, "FAILED", "card_declined"), (2, "SUCCEEDED", "")]


def test_second_refusal_is_a_try_of_its_own_and_the_same_one_told_again_is_not() -> None:
    poor = replace(REFUSED, failure=Failure("insufficient_funds", "poor", "insufficient_funds"))
    assert _story(REFUSED, REFUSED, poor, poor) == [(1, "FAILED", "card_declined"), (2, "FAILED", "insufficient_funds")]


def test_page_that_runs_out_after_a_refusal_was_no_further_try() -> None:
    gone = Snapshot("cs_1", S.CANCELLED, failure=Failure("expired", "too late"))
    assert _story(REFUSED, gone) == [(1, "FAILED", "card_declined")]
    assert _story(OPEN, gone) == [(1, "FAILED", "expired")]


def test_authorization_that_is_captured_was_one_try() -> None:
    held = replace(FRESH, capture_method=CaptureMethod.MANUAL)
    authorized = apply(held, Snapshot("pi_1", S.AUTHORIZED, AMOUNT), NOW, hold=timedelta(days=7))[-1]
    assert authorized.capture_before == NOW + timedelta(days=7)
    (captured,) = apply(authorized, Snapshot("pi_1", S.SUCCESS, AMOUNT), NOW)
    assert [str(one.status) for one in captured.attempts] == ["SUCCEEDED"]


@given(st.lists(snapshots, max_size=8))
def test_tries_are_numbered_and_only_the_last_one_is_open(told: list[Snapshot]) -> None:
    attempts = _after(FRESH, *told)[-1].attempts
    assert [one.number for one in attempts] == list(range(1, len(attempts) + 1))
    assert all(one.status == AttemptStatus.FAILED for one in attempts[:-1])
    assert [one.status == AttemptStatus.OPEN for one in attempts] == [one.end_time is None for one in attempts]


def test_payment_that_moves_on_begins_anew_at_the_next_provider() -> None:
    moved = transitions.move_on(_after(FRESH, OPEN)[-1], "paypal", DECLINED, NOW)
    assert (moved.provider, moved.provider_reference, moved.redirect_url, moved.status) == (
        "paypal",
        "",
        "",
        S.INITIATED,
    )
    assert [(one.number, one.provider, str(one.status)) for one in moved.attempts] == [
        (1, "stripe", "FAILED"),
        (2, "paypal", "OPEN"),
    ]


SEEN = replace(
    FRESH, status=S.SUCCESS, provider_reference="review:1", captured=1200, payment_method="pm",
    attempts=(replace(FRESH.attempt, provider_reference="review:1", status=AttemptStatus.SUCCEEDED, end_time=NOW),),
)  # fmt: skip


def test_capture_that_only_a_person_had_seen_is_given_its_name() -> None:
    (named,) = transitions.apply(SEEN, Fact(1, Snapshot("pi_1", S.SUCCESS, AMOUNT)), NOW)
    assert (named.provider_reference, named.attempt.provider_reference) == ("pi_1", "pi_1")
    assert (named.status, named.captured, named.version) == (S.SUCCESS, 1200, SEEN.version + 1)
    assert transitions.apply(named, Fact(1, Snapshot("pi_1", S.SUCCESS, AMOUNT)), NOW) == []


@pytest.mark.parametrize(
    ("payment", "snapshot"),
    [
        (SEEN, Snapshot("pi_1", S.PROCESSING)),
        (SEEN, Snapshot("pi_1", S.SUCCESS, Money(1100, "EUR"))),
        (SEEN, Snapshot("pi_1", S.SUCCESS)),
        (replace(SEEN, provider_reference="pi_0"), Snapshot("pi_1", S.SUCCESS, AMOUNT)),
    ],
)
def test_nothing_else_gives_a_name_to_what_has_one(payment: Payment, snapshot: Snapshot) -> None:
    with pytest.raises(ForeignObjectError):
        transitions.apply(payment, Fact(1, snapshot), NOW)
