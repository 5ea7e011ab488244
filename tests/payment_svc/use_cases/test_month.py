"""A month's books by the recipe of the guide: each movement of money is in one month, and in no other.

The recipe's five files are made by the exports themselves, over repositories, with a clock of its own: what happens
after a month was closed changes no file of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from fusionx.payment.v1 import dispute_service_pb2, payment_service_pb2, refund_service_pb2

from mesh import context
from mesh.money import Money
from mesh.rpc import exports
from mesh.rpc.exports import ExportTurns
from mesh.storage.database import Database
from mesh.storage.listing import Listing
from payment_svc.api.disputes import DisputeServicer
from payment_svc.api.payments import PaymentServicer
from payment_svc.api.refunds import RefundServicer
from payment_svc.domain import dispute as dispute_domain
from payment_svc.domain import refund as refund_domain
from payment_svc.domain.dispute import Dispute, DisputeSnapshot, DisputeStatus
from payment_svc.domain.new_refund import pending
from payment_svc.domain.payment import CaptureMethod, Fact, Payment, PaymentStatus, Snapshot
from payment_svc.domain.payment_transitions import apply
from payment_svc.domain.refund import Refund, RefundSnapshot, RefundStatus
from payment_svc.storage.disputes import DisputeRepository
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.refunds import RefundRepository
from tests.support.payment_books import NOW, World
from tests.support.payment_rows import payment_of, store_payments

OWNER = UUID(int=1)
WAIT = timedelta(minutes=3)
PAYMENTS, REFUNDS, DISPUTES = PaymentRepository(), RefundRepository(), DisputeRepository()
S, D = RefundStatus, DisputeStatus


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


class Shop:
    """What happens to a merchant's money, by the domain's own steps."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._number = 0x100

    def _id(self, when: datetime) -> UUID:
        self._number += 1
        return UUID(int=(int(when.timestamp() * 1000) << 80) | self._number)

    async def pay(self, begun: datetime, taken: datetime, minor: int, **more: Any) -> Payment:
        key = self._id(begun)
        payment = payment_of(
            key, merchant_id=OWNER, create_time=begun, update_time=begun, provider_reference=f"pi_{key}",
            amount=Money(minor, "EUR"), **more,
        )  # fmt: skip
        payment = replace(payment, attempts=(replace(payment.attempt, create_time=begun),))
        async with self._database.transaction() as session:
            await store_payments(session, payment)
            for status, when in ((PaymentStatus.AUTHORIZED, begun), (PaymentStatus.SUCCESS, taken)):
                if status == PaymentStatus.AUTHORIZED and payment.capture_method == CaptureMethod.AUTOMATIC:
                    continue
                snapshot = Snapshot(payment.provider_reference, status, payment.amount)
                for version in apply(payment, Fact(1, snapshot), when):
                    await PAYMENTS.update(session, version, WAIT)
                    payment = version
        return payment

    async def refund(self, payment: Payment, minor: int, asked: datetime, **more: Any) -> Refund:
        refund = replace(pending(payment, Money(minor, "EUR"), "", self._id(asked), asked), **more)
        async with self._database.transaction() as session:
            await REFUNDS.insert(session, refund, WAIT)
        return refund

    async def says(self, refund: Refund, status: RefundStatus, when: datetime) -> Refund:
        changed = refund_domain.apply(refund, RefundSnapshot(f"re_{refund.refund_id}", status), when)
        assert changed
        async with self._database.transaction() as session:
            await REFUNDS.update(session, changed, WAIT)
        return changed

    async def disputed(self, payment: Payment, when: datetime, *, in_refunds: bool = False) -> Dispute:
        dispute = Dispute(
            dispute_id=self._id(when), payment_id=payment.payment_id, merchant_id=OWNER, order_id=payment.order_id,
            provider="paypal" if in_refunds else "stripe", provider_reference=f"du_{payment.payment_id}",
            amount=payment.amount, status=D.NEEDS_RESPONSE, reason="", respond_before=None, version=1,
            create_time=when, update_time=when,
        )  # fmt: skip
        async with self._database.transaction() as session:
            await DISPUTES.insert(session, dispute, None)
        return dispute

    async def decides(
        self, dispute: Dispute, status: DisputeStatus, when: datetime, *, withdrawn: bool, in_refunds: bool = False
    ) -> Dispute:
        snapshot = DisputeSnapshot(
            dispute.provider_reference, "", dispute.amount, status, "said", None, withdrawn, in_refunds
        )
        changed = dispute_domain.apply(dispute, snapshot, when)
        assert changed
        async with self._database.transaction() as session:
            await DISPUTES.update(session, changed, None)
        return changed


class Books:
    """The recipe: five files of a month, and what they come to."""

    def __init__(self, database: Database) -> None:
        context.enter(context.Call(f"{1:032x}", merchant_id=str(OWNER)))
        turns = ExportTurns(lambda: at(12, 31))

        def shelf(repository: Any) -> Any:
            async def page(*given: Any, after: UUID | None, limit: int) -> Any:
                async with database.session() as session:
                    return await repository.page(session, given[-1], after=after, limit=limit)

            return SimpleNamespace(page=page)

        self._payments = PaymentServicer(shelf(PAYMENTS), turns).ExportPayments
        self._refunds = RefundServicer(shelf(REFUNDS), turns).ExportRefunds
        self._disputes = DisputeServicer(shelf(DISPUTES), turns).ExportDisputes

    async def rows(self, export: Callable[..., Any], request: Any, by: str, month: int) -> list[dict[str, str]]:
        for end, moment in (("from", datetime(2026, month, 1, tzinfo=UTC)), ("to", at(month + 1, 1).replace(hour=0))):
            getattr(request, f"{by}_{end}").FromDatetime(moment)
        text = b"".join([piece.data async for piece in export(request, None)]).decode()
        return list(csv.DictReader(io.StringIO(text)))

    async def month(self, month: int) -> dict[str, Decimal]:
        payments, refunds = payment_service_pb2.ExportPaymentsRequest, refund_service_pb2.ExportRefundsRequest
        disputes = dispute_service_pb2.ExportDisputesRequest
        captured = await self.rows(self._payments, payments(), "capture_time", month)
        refunded = await self.rows(self._refunds, refunds(), "success_time", month)
        returned = await self.rows(self._refunds, refunds(), "reverse_time", month)
        withdrawn = await self.rows(self._disputes, disputes(), "withdraw_time", month)
        reinstated = await self.rows(self._disputes, disputes(), "reinstate_time", month)

        def total(rows: list[dict[str, str]], column: str, leave_out: str = "") -> Decimal:
            return sum((Decimal(row[column]) for row in rows if row.get(leave_out) != "true"), Decimal())

        return {
            "captured": total(captured, "captured_amount"),
            "refunded": total(refunded, "amount", "of_surplus"),
            "came back": total(returned, "amount", "of_surplus"),
            "withdrawn": total(withdrawn, "withdrawn_amount", "in_refunds"),
            "reinstated": total(reinstated, "withdrawn_amount", "in_refunds"),
        }


def figures(*values: str) -> dict[str, Decimal]:
    names = ("captured", "refunded", "came back", "withdrawn", "reinstated")
    return dict(zip(names, map(Decimal, values), strict=True))


async def test_each_movement_is_in_one_month_and_none_changes_a_month_that_was_closed(database: Database) -> None:
    shop, books = Shop(database), Books(database)
    manual = CaptureMethod.MANUAL
    card = await shop.pay(at(10, 5), at(10, 5), 10_000)
    # created in one month, taken in the next: a debit that took three weeks, and a hold
    await shop.pay(at(9, 20), at(10, 11), 1_000)
    debit = await shop.pay(at(10, 12), at(11, 2), 2_000)
    await shop.pay(at(10, 30), at(11, 1), 3_000, capture_method=manual)
    # asked for at the end of the month, and given back in the next
    late = await shop.refund(card, 400, at(10, 31))
    early = await shop.says(await shop.refund(card, 50, at(10, 6)), S.SUCCESS, at(10, 7))
    await shop.says(await shop.refund(card, 7, at(10, 6)), S.FAILED, at(10, 7))
    lost = await shop.decides(await shop.disputed(debit, at(11, 3)), D.UNDER_REVIEW, at(11, 4), withdrawn=True)
    won = await shop.decides(await shop.disputed(card, at(10, 8)), D.UNDER_REVIEW, at(10, 9), withdrawn=True)
    october = await books.month(10)
    assert october == figures("110", "0.50", "0", "100", "0")
    await shop.says(late, S.SUCCESS, at(11, 2))
    await shop.says(early, S.FAILED, at(11, 20))
    # it came beside what paid, and is in no sum
    await shop.says(await shop.refund(card, 10_000, at(11, 5), attempt=1), S.SUCCESS, at(11, 5))
    await shop.decides(won, D.WON, at(11, 25), withdrawn=False)
    await shop.decides(lost, D.LOST, at(11, 28), withdrawn=True)
    assert await books.month(10) == october
    assert await books.month(11) == figures("50", "4", "0.50", "20", "100")
    for month in (8, 9):
        assert await books.month(month) == figures("0", "0", "0", "0", "0")


async def test_file_of_a_month_goes_on_from_page_to_page_in_the_order_of_its_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sorts by the ids reads all of the month again for each page."""
    shop, books = Shop(database), Books(database)
    monkeypatch.setattr(exports, "PAGE_SIZE", 2)
    # what was begun later is taken earlier, or at the same moment
    taken = [7, 6, 5, 5, 5, 5, 4, 3]
    made = [await shop.pay(at(9, 10 + place), at(10, day), 100) for place, day in enumerate(taken)]
    await shop.pay(at(10, 1), at(11, 1), 100)
    expected = sorted(made, key=lambda one: (one.capture_time, one.payment_id))
    rows = await books.rows(books._payments, payment_service_pb2.ExportPaymentsRequest(), "capture_time", 10)
    assert [row["payment_id"] for row in rows] == [str(one.payment_id) for one in expected]


async def test_row_that_does_not_say_when_it_was_ends_no_file_early() -> None:
    span = (at(10, 1), at(11, 1))
    listing = Listing({}, times={"capture_time": span}, by_time="capture_time")
    for said in (None, at(9, 30)):
        with pytest.raises(RuntimeError):
            listing.beyond(SimpleNamespace(capture_time=said))
    assert listing.beyond(SimpleNamespace(capture_time=at(10, 2))).times["capture_time"] == (at(10, 2), span[1])


async def test_loss_that_is_a_refund_as_well_is_counted_once(database: Database) -> None:
    shop, books = Shop(database), Books(database)
    paid = await shop.pay(at(10, 5), at(10, 5), 10_000, provider="paypal")
    dispute = await shop.disputed(paid, at(10, 8), in_refunds=True)
    await shop.decides(dispute, D.LOST, at(11, 3), withdrawn=True, in_refunds=True)
    await shop.says(await shop.refund(paid, 10_000, at(11, 3), sends=0), S.SUCCESS, at(11, 3))
    assert await books.month(10) == figures("100", "0", "0", "0", "0")
    assert await books.month(11) == figures("0", "100", "0", "0", "0")


async def test_dispute_that_is_heard_of_the_day_after_is_in_the_list_of_the_day_it_was_opened(
    database: Database,
) -> None:
    paid = await Shop(database).pay(NOW - timedelta(days=1), NOW - timedelta(days=1), 1_000)
    opened = NOW - timedelta(minutes=5)
    said = DisputeSnapshot("du_late", "", paid.amount, D.NEEDS_RESPONSE, "", None, create_time=opened)
    dispute = await World(paid).disputes.apply_snapshot(paid.provider, paid, said, 0)
    days = [NOW + timedelta(days=number) for number in (-2, -1, 0, 1)]
    async with database.transaction() as session:
        await DISPUTES.insert(session, dispute, None)
        found = [
            await DISPUTES.page(
                session, Listing({"merchant_id": OWNER}, times={"create_time": span}), after=None, limit=9
            )
            for span in pairwise(days)
        ]
    assert found == [[], [dispute], []]
