"""Refunds that nobody here knows of: the provider's own list is believed, an event's word is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.payment import PaymentStatus
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.refund import GivenBack, RefundAmountError, RefundSnapshot, RefundStatus
from payment_svc.providers.base import Loss, UnavailableError
from payment_svc.use_cases.taken_back.elsewhere import SHOWN_WITHIN, Elsewhere
from tests.support.payment_books import EVENT, FIRST, MOMENT, NEW_ID, NOW, OWED, PAID, SECOND, World

TOLD = replace(EVENT, loss=Loss.NONE, create_time=NOW - SHOWN_WITHIN)
GIVEN = GivenBack("", RefundSnapshot("re_1", RefundStatus.SUCCESS, Money(300, "EUR")))


class Desk(World):
    """Books, a provider, and the refunds that are known."""

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.account_id = None
        self.given = given
        self.lists: dict[str, Any] = {}
        self.refund: Any = None
        self.error: Exception | None = None
        self.applied: list[RefundSnapshot] = []
        me = cast(Any, self)
        refunds = SimpleNamespace(
            write_down=self.lost.write_down,
            named=self.named,
            apply_snapshot=self.apply_snapshot,
            ask_of_amount=self.ask_of_amount,
        )
        self.elsewhere = Elsewhere(me, me, me, cast(Any, refunds), lambda: NOW)

    async def of(self, _payment: Any) -> Any:
        """Return the provider."""
        return self

    async def given_back(self, payment: Any, since: Any, until: Any = None) -> Any:
        """List by the object."""
        given = await super().given_back(payment, since, until)
        return self.lists.get(payment.provider_reference, given)

    async def named(self, _payment: Any, _label: str, _reference: str) -> Any:
        """Return the refund that is known."""
        return self.refund

    async def apply_snapshot(self, _refund: Any, snapshot: RefundSnapshot) -> None:
        """Apply what is shown."""
        if self.error:
            raise self.error
        self.applied.append(snapshot)

    async def ask_of_amount(self, _refund: Any, error: Exception) -> None:
        """Ask a person."""
        self.asked.append(cast(Any, error))

    async def hear(self, event: Any = TOLD, payment: Any = PAID) -> Verdict:
        """Apply an event."""
        return await self.elsewhere.apply_event(cast(Any, self), event, payment)


async def test_refund_is_booked_that_the_provider_lists() -> None:
    desk = Desk([GIVEN, replace(GIVEN, snapshot=replace(GIVEN.snapshot, reference="re_2"))])
    assert await desk.hear() == Verdict("APPLIED", "", PAID)
    assert [one.provider_reference for one in desk.inserted] == ["re_1"]


async def test_refund_that_is_not_listed_is_waited_for_and_not_believed() -> None:
    desk = Desk([])
    with pytest.raises(UnavailableError):
        await desk.hear(replace(TOLD, create_time=TOLD.create_time + MOMENT))
    assert (await desk.hear()).status == "QUARANTINED"
    assert not desk.inserted


async def test_refund_of_an_earlier_attempts_surplus_is_of_that() -> None:
    desk = Desk([])
    desk.lists = {"ORDER0": [GIVEN]}
    assert (await desk.hear()).status == "APPLIED"
    assert [one.attempt for one in desk.inserted] == [1]


async def test_refund_of_another_account_is_none_of_ours() -> None:
    desk = Desk([GIVEN])
    desk.account_id = cast(Any, NEW_ID)
    assert (await desk.hear()).status == "QUARANTINED"
    assert not desk.inserted


@pytest.mark.parametrize(("verdict", "written"), [("APPLIED", 1), ("QUARANTINED", 0)])
async def test_capture_comes_first(verdict: str, written: int) -> None:
    desk = Desk([GIVEN])
    desk.verdict = Verdict(verdict, "", PAID)
    assert (await desk.hear(payment=replace(PAID, status=PaymentStatus.PROCESSING))).status == verdict
    assert len(desk.inserted) == written


async def test_what_does_not_fit_is_in_quarantine_and_is_asked_about() -> None:
    desk = Desk([replace(GIVEN, snapshot=replace(GIVEN.snapshot, amount=Money(1201, "EUR")))])
    assert await desk.hear() == Verdict("QUARANTINED", "12.01 EUR was given back of 12.00 EUR", PAID)
    assert len(desk.asked) == 1


async def test_all_that_is_listed_is_brought_forward() -> None:
    desk = Desk([])
    same = replace(SECOND, number=3)
    nameless = replace(SECOND, number=4, provider_reference="", create_time=NOW - timedelta(1))
    desk.payment = replace(PAID, attempts=(FIRST, SECOND, nameless, same))
    desk.lists = {"ORDER1": [GIVEN], "ORDER0": [replace(GIVEN, snapshot=replace(GIVEN.snapshot, reference="re_0"))]}
    payment, booked = await desk.elsewhere.refresh(PAID.payment_id)
    assert (payment, booked.refunds, booked.differing) == (desk.payment, 2, ())
    assert [(one.provider_reference, one.attempt) for one in desk.inserted] == [("re_1", None), ("re_0", 1)]


async def test_what_is_known_is_brought_in_agreement() -> None:
    desk = Desk([])
    desk.lists, desk.known, desk.refund = {"ORDER1": [GIVEN]}, {"re_1"}, OWED
    _, booked = await desk.elsewhere.refresh(PAID.payment_id)
    assert (booked.refunds, desk.applied, desk.inserted) == (0, [GIVEN.snapshot], [])
    desk.error = RefundAmountError(OWED, GIVEN.snapshot)
    _, booked = await desk.elsewhere.refresh(PAID.payment_id)
    assert booked.differing == (str(desk.error),)
    assert cast(Any, desk.asked) == [desk.error]


async def test_refresh_waits_while_a_provider_does_not_say() -> None:
    desk = Desk(UnavailableError("away"))
    with pytest.raises(ApiError) as refused:
        await desk.elsewhere.refresh(PAID.payment_id)
    assert refused.value.reason == "PROVIDER_UNAVAILABLE"
