"""What is known of attempts that a payment has moved on from: held, taken, given back, to be closed."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mesh.money import Money
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain.payment import (
    LIVE,
    Action,
    ActionKind,
    Attempt,
    AttemptStatus,
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    StaleFactError,
    attempt_of,
    first_attempt,
    is_current,
    is_named,
)
from tests.support.providers.paypal_api import PAYMENT

S, A = PaymentStatus, AttemptStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MINE = uuid.UUID(int=7)
EUR12, EUR5 = Money(1200, "EUR"), Money(500, "EUR")
GIVEN_UP = Failure("provider_unavailable", "away")
FIRST = Attempt(1, "stripe", "pi_1", A.FAILED, GIVEN_UP, NOW, NOW, MINE)
SECOND = Attempt(2, "paypal", "O2", A.OPEN, None, NOW, None, None)
AT = replace(
    PAYMENT,
    provider="paypal",
    account_id=None,
    provider_reference="O2",
    attempts=(FIRST, SECOND),
    redirect_url="https://p",
)
NEXT: dict[str, Any] = {"version": AT.version + 1, "update_time": LATER}


def past(status: PaymentStatus, amount: Money | None = EUR12, **more: Any) -> Fact:
    return Fact(1, Snapshot("pi_1", status, amount), **more)


def with_first(**changes: Any) -> dict[str, Any]:
    return {"attempts": (replace(FIRST, **changes), SECOND)} | NEXT


@pytest.mark.parametrize("status", LIVE | {S.FAILED, S.CANCELLED})
def test_capture_of_an_attempt_before_settles_the_payment(status: PaymentStatus) -> None:
    at = replace(AT, status=status, action=Action(ActionKind.REDIRECT, "t", "u", "s"), failure=GIVEN_UP)
    (won,) = transitions.apply(at, past(S.SUCCESS), LATER)
    superseded = Failure("superseded", "stripe had taken the money after all")
    assert won == replace(
        at, status=S.SUCCESS, provider="stripe", account_id=MINE, provider_reference="pi_1", captured=1200,
        redirect_url="", action=None, failure=None,
        attempts=(
            FIRST,
            replace(SECOND, status=A.FAILED, failure=superseded, end_time=LATER),
            Attempt(3, "stripe", "pi_1", A.SUCCEEDED, None, LATER, LATER, MINE),
        ), **NEXT,
    )  # fmt: skip


def test_attempt_that_had_ended_before_another_won_stays_as_it_ended() -> None:
    ended = replace(SECOND, status=A.FAILED, failure=GIVEN_UP, end_time=NOW)
    at = replace(AT, status=S.FAILED, attempts=(replace(FIRST, held=5), ended))
    (won,) = transitions.apply(at, past(S.SUCCESS, None), LATER)
    assert won.captured == 1200
    assert won.attempts[1] == ended
    assert won.attempts[2].held == 0


@pytest.mark.parametrize(
    ("fact", "first", "changes"),
    [
        (past(S.SUCCESS), FIRST, {"surplus": 1200}),
        (past(S.SUCCESS, None), FIRST, {"surplus": 1200}),
        (past(S.SUCCESS), replace(FIRST, held=300), {"surplus": 1200}),
        (past(S.SUCCESS), replace(FIRST, surplus=1200), None),
        (past(S.AUTHORIZED), FIRST, {"held": 1200}),
        (past(S.AUTHORIZED, None), FIRST, {"held": 1200}),
        (past(S.AUTHORIZED), replace(FIRST, held=1200), None),
        (past(S.CANCELLED, None), replace(FIRST, held=1200), {"held": 0}),
        (past(S.FAILED, None), replace(FIRST, held=1200), {"held": 0}),
        (past(S.FAILED, None), FIRST, None),
        *((past(status, None), replace(FIRST, held=1200), None) for status in LIVE - {S.AUTHORIZED}),
        # what had no name yet is given it by the fact
        (past(S.PROCESSING, None), replace(FIRST, provider_reference=""), {}),
    ],
)
def test_fact_about_an_attempt_before_is_noted_on_it(
    fact: Fact, first: Attempt, changes: dict[str, Any] | None
) -> None:
    at = replace(AT, status=S.SUCCESS, captured=1200, attempts=(first, SECOND))
    expected = []
    if changes is not None:
        noted = (
            replace(first, provider_reference="pi_1", held=0)
            if "surplus" in changes
            else replace(first, provider_reference="pi_1")
        )
        expected = [replace(at, attempts=(replace(noted, **changes), SECOND), **NEXT)]
    assert transitions.apply(at, fact, LATER) == expected


@pytest.mark.parametrize("status", [S.FAILED, S.CANCELLED])
@pytest.mark.parametrize(
    ("amount", "seen", "held"),
    [(EUR12, None, 1200), (None, None, 1200), (EUR12, AT.version, 1200), (EUR12, 1, None), (EUR12, 9, None)],
)
def test_hold_that_comes_late_is_noted_as_long_as_it_is_fresh(
    status: PaymentStatus, amount: Money | None, seen: int | None, held: int | None
) -> None:
    at = replace(AT, status=status)
    fact = Fact(2, Snapshot("O2", S.AUTHORIZED, amount), seen)
    if held is None:
        with pytest.raises(StaleFactError):
            transitions.apply(at, fact, LATER)
        return
    assert transitions.apply(at, fact, LATER) == [replace(at, attempts=(FIRST, replace(SECOND, held=held)), **NEXT)]


@pytest.mark.parametrize("said", [S.FAILED, S.CANCELLED])
def test_hold_that_was_let_go_is_held_no_more(said: PaymentStatus) -> None:
    at = replace(AT, status=S.FAILED, attempts=(FIRST, replace(SECOND, held=5)))
    assert transitions.apply(at, Fact(2, Snapshot("O2", said)), LATER) == [
        replace(at, attempts=(FIRST, SECOND), **NEXT)
    ]


def test_payment_moves_on_with_nothing_of_the_provider_before() -> None:
    at = replace(AT, action=Action(ActionKind.REDIRECT, "t", "u", "s"))
    assert transitions.move_on(at, "stripe", GIVEN_UP, LATER, MINE) == replace(
        at, provider="stripe", account_id=MINE, provider_reference="", redirect_url="", action=None,
        attempts=(
            FIRST, replace(SECOND, status=A.FAILED, failure=GIVEN_UP, end_time=LATER),
            replace(first_attempt("stripe", LATER, MINE), number=3),
        ), **NEXT,
    )  # fmt: skip


OTHER = Received(2, "paypal", "O2", EUR5, False)
DIFFERS = Failure("amount_differs", "odd")


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize(("received", "owed", "noted"), [
    (OTHER, True, {"surplus": 500}), (OTHER, False, {}), (replace(OTHER, is_held=True), True, {"held": 500}),
])  # fmt: skip
def test_money_of_another_amount_pays_nothing(
    status: PaymentStatus, received: Received, owed: bool, noted: dict[str, Any]
) -> None:
    at = replace(AT, status=status)
    versions = transitions.turn_down(at, received, DIFFERS, LATER, owed=owed)
    if status in LIVE:
        (ended,) = versions
        last = replace(SECOND, status=A.FAILED, failure=DIFFERS, end_time=LATER, **noted)
        assert ended == replace(at, status=S.FAILED, redirect_url="", failure=DIFFERS, attempts=(FIRST, last), **NEXT)
    else:
        noted_on = replace(at, attempts=(FIRST, replace(SECOND, **noted)), **NEXT)
        assert versions == ([noted_on] if noted else [])


def test_money_of_another_amount_of_an_attempt_before_leaves_the_payment_alone() -> None:
    received = Received(1, "stripe", "pi_1", EUR5, False)
    (noted,) = transitions.turn_down(AT, received, DIFFERS, LATER, owed=True)
    assert noted == replace(AT, **with_first(surplus=500))


def numbers(payment: Payment) -> list[int]:
    return [attempt.number for attempt in transitions.to_close(payment)]


@pytest.mark.parametrize(
    ("changes", "first", "second", "closed"),
    [
        ({"status": S.SUCCESS}, {}, {}, [1]),
        ({"status": S.SUCCESS}, {"surplus": 5}, {}, []),
        ({"status": S.SUCCESS}, {"provider_reference": ""}, {}, []),
        ({"status": S.SUCCESS}, {"provider_reference": "O2"}, {}, []),
        *(({"status": status}, {}, {}, []) for status in (S.FAILED, S.CANCELLED)),
        *(({"status": status}, {"held": 5}, {"held": 5}, [1, 2]) for status in (S.FAILED, S.CANCELLED)),
        ({"status": S.PROCESSING}, {}, {}, [1]),
        ({"status": S.PROCESSING}, {"provider_reference": ""}, {}, []),
        ({"status": S.PROCESSING}, {"provider": "paypal"}, {}, []),
        ({"status": S.PROCESSING}, {"provider": "paypal", "held": 5}, {}, [1]),
        ({"status": S.PROCESSING, "unwanted": True}, {}, {}, [1]),
        ({"status": S.NEEDS_REVIEW, "unwanted": True}, {}, {}, [1]),
        ({"status": S.INITIATED, "unwanted": True}, {}, {}, [1, 2]),
        ({"status": S.REQUIRES_ACTION, "unwanted": True}, {}, {}, [1, 2]),
        ({"status": S.AUTHORIZED, "unwanted": True}, {}, {}, [1, 2]),
        ({"status": S.INITIATED}, {}, {}, [1]),
        ({"status": S.INITIATED, "unwanted": True, "provider_reference": ""}, {}, {}, [1]),
    ],
)  # fmt: skip
def test_what_may_take_money_yet_is_closed(
    changes: dict[str, Any], first: dict[str, Any], second: dict[str, Any], closed: list[int]
) -> None:
    assert numbers(replace(AT, attempts=(replace(FIRST, **first), replace(SECOND, **second)), **changes)) == closed


def test_only_what_is_new_is_closed_anew() -> None:
    open_, paid = replace(AT, status=S.PROCESSING), replace(AT, status=S.SUCCESS)
    assert transitions.newly_to_close(open_, open_) == []
    assert transitions.newly_to_close(open_, paid) == [FIRST]
    held = replace(open_, attempts=(replace(FIRST, provider="paypal", held=5), SECOND))
    assert transitions.newly_to_close(replace(held, attempts=(replace(FIRST, provider="paypal"), SECOND)), held) == [
        held.attempts[0]
    ]


def test_surplus_goes_back_and_comes_back_once() -> None:
    kept = replace(AT, attempts=(replace(FIRST, surplus=5), SECOND))
    assert transitions.return_surplus(kept, 1, LATER) == replace(AT, **with_first(surplus=0))
    assert transitions.return_surplus(kept, 2, LATER) is None
    assert transitions.return_surplus(AT, 1, LATER) is None
    assert transitions.keep_surplus(AT, 1, 5, LATER) == replace(AT, **with_first(surplus=5))
    assert transitions.keep_surplus(kept, 1, 9, LATER) is None
    assert transitions.keep_surplus(kept, 2, 9, LATER) == replace(
        kept, attempts=(kept.attempts[0], replace(SECOND, surplus=9)), **NEXT
    )


@pytest.mark.parametrize(
    ("provider", "account", "reference", "number"),
    [
        ("stripe", MINE, "pi_1", 1),
        ("stripe", MINE, "other", 3),
        ("stripe", MINE, "pi_3", 3),
        ("stripe", None, "pi_1", None),
        ("paypal", None, "O2", 2),
        ("paypal", MINE, "O2", None),
        ("adyen", None, "O2", None),
    ],
)
def test_object_belongs_to_the_attempt_of_its_name_else_to_the_newest_at_its_account(
    provider: str, account: uuid.UUID | None, reference: str, number: int | None
) -> None:
    at = replace(AT, attempts=(FIRST, SECOND, replace(FIRST, number=3, provider_reference="pi_3")))
    found = attempt_of(at, provider, account, reference)
    assert (found and found.number) == number


@pytest.mark.parametrize(
    ("changes", "current"),
    [
        ({}, False),
        ({"provider": "paypal", "account_id": None, "provider_reference": "O2"}, True),
        ({"provider": "paypal", "account_id": MINE, "provider_reference": "O2"}, False),
        ({"provider": "paypal", "account_id": None, "provider_reference": "O1"}, False),
        ({"provider": "stripe", "account_id": None, "provider_reference": "O2"}, False),
    ],
)
def test_further_try_at_the_same_object_is_the_same_object(changes: dict[str, Any], current: bool) -> None:
    at = replace(AT, attempts=(replace(FIRST, **changes), SECOND))
    assert is_current(at, 1) is current
    assert is_current(at, 2)
    with pytest.raises(LookupError):
        is_current(at, 3)


@pytest.mark.parametrize(
    ("reference", "named"), [("", False), ("pi_1", True), ("review:1", False), ("a review:", True)]
)
def test_name_that_a_person_gave_is_none_that_a_provider_knows(reference: str, named: bool) -> None:
    assert is_named(reference) is named
