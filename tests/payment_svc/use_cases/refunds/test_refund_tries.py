"""A refund that was asked for before: what a further try is told says nothing of the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import grpc
import pytest

from mesh.errors import ApiError
from mesh.storage.listing import Listing
from payment_svc.domain.payment import Failure, PaymentStatus
from payment_svc.domain.refund import Refund, RefundSnapshot, RefundStatus
from payment_svc.providers.base import (
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderEvent,
    RejectedError,
    UnavailableError,
)
from tests.support.payment_ledger import Gateway
from tests.support.payment_rows import payment_of
from tests.support.rows import MINE, NOW

R = RefundStatus
PAID = payment_of(MINE, status=PaymentStatus.SUCCESS, captured=1200)
DECLINED = Failure("declined", "no")


@pytest.mark.parametrize(
    ("shown", "sends", "status"),
    [
        (RefundSnapshot("re_1", R.SUCCESS), 2, R.SUCCESS),
        (None, 2, R.FAILED),
        (OutcomeUnknownError("silence"), 2, R.PENDING),
        (UnavailableError("away"), 2, R.PENDING),
        (ObjectNotFoundError("forgotten"), 2, R.PENDING),
        # the first try alone is refused by its answer
        (RefundSnapshot("re_1", R.SUCCESS), 1, R.FAILED),
    ],
)
async def test_what_is_refused_of_a_further_try_an_earlier_one_may_have_done(
    gateway_: Gateway, shown: Any, sends: int, status: RefundStatus
) -> None:
    """A full refund was made and its answer lost: nothing was left, which the next try was told as a refusal."""
    if sends == 2:
        gateway_.answer = OutcomeUnknownError("silence")
        await gateway_.create(None)
    gateway_.answer, gateway_.shown = RejectedError(DECLINED), shown
    if sends == 2:
        async with gateway_.database.session() as session:
            (refund,) = await gateway_.ledger.refunds.page(session, Listing({"merchant_id": MINE}), after=None, limit=2)
        ended = await gateway_.refunds.repeat(PAID, refund)
    else:
        made = await gateway_.create(None)
        assert isinstance(made, Refund)
        ended = made
    assert ended.status == status
    assert gateway_.stored() == [(1200, status, sends)]


async def test_outage_after_a_refund_was_stored_names_it(gateway_: Gateway) -> None:
    """A merchant without a key that was told to try again gave the money back twice."""
    away = ApiError(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database is away, try again")
    gateway_.answer = away
    with pytest.raises(ApiError) as told:
        await gateway_.create()
    ((refund_id,),) = [tuple(row) for row in gateway_.store.rows("SELECT refund_id FROM refunds")]
    assert told.value.metadata == {"refund_id": str(refund_id), "payment_id": str(MINE)}
    assert (told.value.code, told.value.reason) == (away.code, away.reason)
    assert f"the refund {refund_id} is recorded, and goes on" in told.value.message


NAMED = ProviderEvent("evt_1", "refund.updated", "pi_m", str(MINE), NOW, refund_reference="re_1")


@pytest.mark.parametrize("reference", ["re_1", ""])
async def test_event_of_a_refund_that_is_not_shown_yet_is_applied_later(gateway_: Gateway, reference: str) -> None:
    """Providers show a change a moment later than they tell of it; who applies events says until when."""
    gateway_.answer = RefundSnapshot(reference, R.PENDING)
    made = await gateway_.create(None)
    assert isinstance(made, Refund)
    event = replace(NAMED, refund_id=str(made.refund_id))
    with pytest.raises(ObjectNotFoundError):
        await gateway_.refunds.apply_event(cast(Any, gateway_), event, PAID)
    gateway_.shown = RefundSnapshot("re_1", R.SUCCESS)
    verdict = await gateway_.refunds.apply_event(cast(Any, gateway_), event, PAID)
    assert verdict
    assert verdict.status == "APPLIED"
    assert gateway_.stored() == [(1200, R.SUCCESS, 1)]


async def test_event_of_a_refund_that_is_unknown_here_is_somebody_elses(gateway_: Gateway) -> None:
    assert await gateway_.refunds.apply_event(cast(Any, gateway_), NAMED, PAID) is None
