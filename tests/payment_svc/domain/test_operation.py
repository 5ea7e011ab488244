"""How an operation ended, by what is known of its payment: every kind in every status."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payment_svc.domain import operation as domain
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import Failure, PaymentStatus, first_attempt
from tests.support.providers.paypal_api import PAYMENT

K, S, E, R = OperationKind, PaymentStatus, OperationStatus, Requester
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DECLINED = Failure("declined", "no")
FIRST = replace(first_attempt("stripe", NOW), provider_reference="pi_1")
SECOND = replace(first_attempt("paypal", NOW), number=2, provider_reference="ORDER1")
AT = replace(PAYMENT, provider_reference="ORDER1", attempts=(FIRST, SECOND), captured=1200)
ASKED = Operation(
    uuid.UUID("00000000-0000-0000-0000-00000000abcd"), AT.payment_id, 2, K.CAPTURE, 1200, E.SENT, 1, R.MERCHANT, None,
    NOW, NOW,
)  # fmt: skip
CLOSED = {S.FAILED, S.CANCELLED}
DONE = {
    K.CAPTURE: {S.SUCCESS},
    K.CANCEL: {S.CANCELLED},
    K.CONFIRM: {S.SUCCESS, S.AUTHORIZED},
    K.START: set(S),
    K.SETTLE: set(),
}
NOT_DONE = {
    K.CAPTURE: CLOSED,
    K.CANCEL: {S.FAILED, S.SUCCESS},
    K.CONFIRM: CLOSED,
    K.START: set(),
    K.SETTLE: set(),
}


@pytest.mark.parametrize("kind", K)
@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("requester", R)
@pytest.mark.parametrize("failure", [None, DECLINED])
def test_outcome_is_what_the_payment_shows(
    kind: OperationKind, status: PaymentStatus, requester: Requester, failure: Failure | None
) -> None:
    outcome = domain.outcome(
        replace(ASKED, kind=kind, requester=requester), replace(AT, status=status), failure
    )  # fmt: skip
    # a person may have ended the payment: whether its object is closed only that shows
    is_open = (kind, requester, status) == (K.CANCEL, R.GATEWAY, S.FAILED)
    if status in DONE[kind]:
        assert outcome == E.DONE
    elif status in NOT_DONE[kind] and not is_open:
        assert outcome == E.REFUSED
    else:
        assert outcome == (E.REFUSED if failure else None)


@pytest.mark.parametrize(("captured", "outcome"), [(1199, E.REFUSED), (1200, E.DONE), (1201, E.REFUSED)])
def test_capture_is_done_by_its_own_amount(captured: int, outcome: OperationStatus) -> None:
    assert domain.outcome(ASKED, replace(AT, status=S.SUCCESS, captured=captured)) == outcome


@pytest.mark.parametrize("status", S)
def test_cancel_of_an_attempt_before_is_not_ended_by_the_one_under_way(status: PaymentStatus) -> None:
    assert domain.outcome(replace(ASKED, kind=K.CANCEL, attempt=1), replace(AT, status=status)) is None


@pytest.mark.parametrize("status", S)
def test_start_without_an_object_has_ended_when_its_payment_has(status: PaymentStatus) -> None:
    nameless = replace(AT, status=status, provider_reference="")
    ended = {S.FAILED: E.REFUSED, S.CANCELLED: E.REFUSED, S.SUCCESS: E.DONE}
    assert domain.outcome(replace(ASKED, kind=K.START), nameless) == ended.get(status)


@pytest.mark.parametrize("status", E)
def test_what_has_ended_stays_as_it_ended(status: OperationStatus) -> None:
    later = NOW + timedelta(hours=1)
    asked = replace(ASKED, status=status)
    ended = domain.end(asked, E.REFUSED, later, DECLINED)
    is_open = status in {E.SENT, E.UNKNOWN}
    assert asked.is_open is is_open
    assert ended == (replace(asked, status=E.REFUSED, failure=DECLINED, update_time=later) if is_open else asked)
    assert [replace(asked, sends=sends).is_unsent for sends in (0, 1, 2)] == [is_open, False, False]


def test_key_is_of_this_operation_on_this_attempt() -> None:
    assert ASKED.key == f"{AT.payment_id}:2:capture:00000000abcd"
