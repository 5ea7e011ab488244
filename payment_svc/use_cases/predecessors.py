"""What has an order's place before a new payment: one that waits, one that has paid it, or one that is nowhere.

One of the two databases may have been restored from an older backup. What this one has is true, whatever the order
says; what only the order knows of is looked for at the providers before another payment may take its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import grpc
from psycopg.errors import UniqueViolation

from mesh.errors import ApiError, failed_precondition
from mesh.ids import Clock, NewId, made_at, parse_uuid
from mesh.storage import history
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from payment_svc.contract import events as facts
from payment_svc.domain.account import Tenant
from payment_svc.domain.clocks import CLOCK_SKEW
from payment_svc.domain.new_payment import NewPayment, Way, intent
from payment_svc.domain.operation import Lease, OperationKind, Requester
from payment_svc.domain.payment import TERMINAL, CaptureMethod, DoubtError, Fact, Payment, PaymentStatus, Snapshot
from payment_svc.order_port import OrderClient, PayableOrder
from payment_svc.providers.base import CredentialsRefusedError, ProviderError, RejectedError
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage import intents
from payment_svc.storage.intents import Intent
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import in_progress, in_progress_of, just_ended
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.reviews import doubts

log = get_logger(__name__)
SOON = timedelta(seconds=30)
UNKNOWN_METHOD = "unknown"
"""What stands for the token of a payment that is written down anew."""
NEVER_TOLD = timedelta(days=3)
"""How long a lost payment's place is kept where a provider refuses to say: its webhooks have told of it by then."""
PAID_ONCE = "paid_once"
"""The trigger that refuses a payment of an order which is paid."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A payment whose place another one takes."""

    payment_id: UUID
    waiting: Payment | None
    """To be closed for that; None: it has ended, or no provider has it, and neither have we."""


class Predecessors:
    """Says what has an order's place."""

    def __init__(
        self, ledger: Ledger, orders: OrderClient, accounts: Accounts, database: Database, clock: Clock, ids: NewId
    ) -> None:
        self._ledger = ledger
        self._orders = orders
        self._accounts = accounts
        self._database = database
        self._clock = clock
        self._ids = ids

    async def before(self, new: NewPayment, order: PayableOrder) -> Predecessor | None:
        """Return the payment of an order that waits for a customer who has to act: another one may take its place.

        So may it where the payment is lost, or has ended unpaid and the order has not heard: of another one than it
        has it takes no notice. Raises ApiError FAILED_PRECONDITION, with the id of one that cannot be replaced
        (PAYMENT_IN_PROGRESS) or has paid (ORDER_NOT_PAYABLE); UNAVAILABLE while a provider does not say whether it has
        what is lost.
        """
        if order.status != "PROCESSING":
            return None
        async with self._database.session() as session:
            waiting = await self._ledger.payments.live_of_order(session, new.order_id)
            holder = order.payment_id
            ended = await self._ledger.payments.read(session, holder) if waiting is None and holder else None
        if waiting is None:
            if holder is None:
                raise in_progress_of(new.order_id)
            waiting = ended or await self._find(new, order, holder)
            if waiting is None or waiting.pays_nothing:
                return Predecessor(holder, None)
            if ended:
                raise await self._paid(holder)
        if waiting.merchant_id != new.merchant_id:
            return None
        has_page = new.closes_page and waiting.status == PaymentStatus.INITIATED and waiting.redirect_url
        if waiting.status != PaymentStatus.REQUIRES_ACTION and not has_page:
            raise in_progress(waiting)
        return Predecessor(waiting.payment_id, waiting)

    async def taken(self, payment: Payment, error: UniqueViolation) -> ApiError:
        """Return why a payment could not be stored; an order that is paid hears of that."""
        if error.diag.constraint_name != PAID_ONCE:
            async with self._database.session() as session:
                others = await self._ledger.payments.others_of_order(session, payment)
            mine = [one for one in others if one.merchant_id == payment.merchant_id]
            if live := next((one for one in mine if one.status not in TERMINAL), None):
                return in_progress(live)
            # it has ended by now
            last = max(mine, key=lambda one: one.payment_id, default=None)
            return just_ended(last) if last else in_progress_of(payment.order_id)
        return await self._paid(UUID(error.diag.message_detail))

    async def reserve(self, payment: Payment, replaces: UUID | None) -> None:
        """Take the order for a payment, also from one that has ended unpaid or is nowhere: the order has not heard.

        What is nowhere and older had the place when this payment began, as no other one can begin beside it: no
        provider had it then. What is nowhere and younger took this one's place before a restore, and may have paid.
        Raises ApiError as the order service does.
        """
        try:
            await self._orders.reserve(payment, replaces)
        except ApiError as error:
            holder = parse_uuid(error.metadata.get("payment_id", ""))
            if error.reason != "PAYMENT_IN_PROGRESS" or holder is None:
                raise
            async with self._database.session() as session:
                ended = await self._ledger.payments.read(session, holder)
            gives_way = ended.pays_nothing if ended else made_at(holder) < payment.create_time - CLOCK_SKEW
            if not gives_way:
                raise
            await self._orders.reserve(payment, holder)

    async def _paid(self, paid_by: UUID) -> ApiError:
        """Return the refusal of another payment of an order that is paid, which hears of it."""
        async with self._ledger.work.begin() as unit:
            paid = await self._ledger.lock(unit, paid_by)
            await self._ledger.ask_to_settle(unit, paid)
        words = "the order has been paid, and is about to hear of it"
        where = {"order_id": str(paid.order_id), "payment_id": str(paid.payment_id), "status": str(paid.status)}
        return failed_precondition("ORDER_NOT_PAYABLE", words, **where)

    async def _find(self, new: NewPayment, order: PayableOrder, payment_id: UUID) -> Payment | None:
        """Return a payment that is lost here, if a provider has its object: it is written down anew from that.

        Raises ApiError UNAVAILABLE while a provider does not say.
        """
        tenant, begun = Tenant(new.merchant_id, new.mode), made_at(payment_id)
        unsure: dict[str, datetime | None] = {}
        for provider in await self._accounts.since(tenant, begun):
            try:
                found = await self._recall(provider, new, order, payment_id)
            except ProviderError as error:
                log.warning("no answer about a lost payment", payment_id=payment_id, error=repr(error))
                # who may not look will not say by being asked again
                never = isinstance(error, (RejectedError, CredentialsRefusedError))
                until = begun + NEVER_TOLD if never else None
            else:
                if found:
                    return await self._write_down(*found)
                until = begun + provider.capabilities.recalled_after
            if until is None or self._clock() < until:
                unsure[provider.name] = until
        if unsure:
            raise _not_known_yet(order.order_id, payment_id, unsure)
        log.warning("a payment is nowhere", payment_id=payment_id, order_id=order.order_id)
        return None

    async def _recall(
        self, provider: ResilientProvider, new: NewPayment, order: PayableOrder, payment_id: UUID
    ) -> tuple[Payment, Snapshot] | None:
        """Ask a provider for a payment of which only the id is known. Raises ProviderError."""
        way = Way(provider.name, provider.account_id, None)
        for token in ("", UNKNOWN_METHOD) if provider.capabilities.tokens else ("",):
            asked = replace(new, payment_method=token, capture_method=CaptureMethod.AUTOMATIC)
            lost = intent(asked, order.copied, payment_id, way, made_at(payment_id))
            snapshot = await provider.recall(lost)
            if snapshot:
                return lost, snapshot
        return None

    async def _write_down(self, lost: Payment, snapshot: Snapshot) -> Payment:
        """Store a payment anew as its provider shows it; what follows from that follows as for any other."""
        if snapshot.status == PaymentStatus.AUTHORIZED or snapshot.amount not in (None, lost.amount):
            # a part of what is asked is taken by hand only
            lost = replace(lost, capture_method=CaptureMethod.MANUAL)
        start = self._ledger.operation(lost, OperationKind.START, Requester.GATEWAY)
        lease = Lease(self._ids())
        entries = history.entries(changes.of_payment(lost))
        first = Intent(lost, start, facts.payment_event(lost, None), entries, lease.driver)
        times = {"wait": SOON, "driving": SOON, "answering": SOON}
        try:
            async with self._ledger.work.statement() as session:
                stored = await intents.store(session, first, None, is_claimed=False, **times)
        except UniqueViolation as error:
            raise await self.taken(lost, error) from None
        self._ledger.work.carry(stored)
        log.warning("a lost payment was found", payment_id=lost.payment_id, status=str(snapshot.status))
        try:
            found, _ = await self._ledger.finish(start, Fact(lost.attempt.number, snapshot), lease=lease)
        except DoubtError as error:
            await doubts.put(self._ledger, lost, error)
            return lost
        return found


def _not_known_yet(order_id: UUID, payment_id: UUID, unsure: Mapping[str, datetime | None]) -> ApiError:
    """Say whose answer is waited for, until when at the latest where that is known, and what can be done meanwhile."""
    where = {"order_id": str(order_id), "payment_id": str(payment_id)}
    words = f"{' and '.join(unsure)} cannot say yet whether an earlier payment of this order was taken; "
    times = [one for one in unsure.values() if one]
    if len(times) == len(unsure):
        where["until"] = max(times).strftime("%Y-%m-%dT%H:%M:%SZ")
        words += f"ask again at {where['until']}, or have this paid by a new order once nothing was taken for this one"
    else:
        words += "ask again when the provider answers"
    return ApiError(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE", words, metadata=where)
