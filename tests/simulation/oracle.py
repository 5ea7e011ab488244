"""What must be true in the end, by the provider's books and what merchants were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from fusionx.type.v1 import event_pb2

from payment_svc.domain.refund import RefundStatus
from tests.simulation.book import Returned, State, Thing
from tests.simulation.people import Operator
from tests.simulation.shops import Shop
from tests.simulation.world import World
from tests.support.databases.simulated import Store

RESOURCES = (
    ("orders", "orders", "order_id"),
    ("payments", "payments", "payment_id"),
    ("payments", "refunds", "refund_id"),
    ("payments", "disputes", "dispute_id"),
)
"""What has versions."""
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
SETTLED = ("SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED")


class Oracle:
    """Compares the gateway's rows with the books."""

    def __init__(self, world: World, shops: list[Shop], operator: Operator) -> None:
        self._world = world
        self._shops = shops
        self._operator = operator
        look = world.stores["payments"]
        self._payments = {str(row.payment_id): row for row in look.rows("SELECT * FROM payments")}
        self._refunds = look.rows("SELECT * FROM refunds")
        self._operations = look.rows("SELECT * FROM operations WHERE next_try_time IS NOT NULL")
        self._reviews = look.rows("SELECT * FROM reviews")
        orders = world.stores["orders"].rows("SELECT * FROM orders")
        self._orders = {str(row.order_id): row for row in orders}
        things = {id(t): t for s in world.services.values() for t in s.book.things.values()}
        self._held: set[str] = set()
        """Orders whose payments rightly wait for the merchant."""
        self._things: list[Thing] = list(things.values())

    def complaints(self) -> list[str]:
        """Return everything that is wrong."""
        return [
            *self._charged_once(),
            *self._no_surplus_of_ours(),
            *self._orders_agree(),
            *self._copies_agree(),
            *self._payments_agree(),
            *self._refunds_agree(),
            *self._sums_agree(),
            *self._people_are_not_asked_needlessly(),
            *self._nothing_is_open(),
            *self._answers_were_true(),
            *self._events_are_complete(),
        ]

    def _surplus_of(self, order_id: str) -> set[str]:
        return {str(r.payment_id) for r in self._reviews if str(r.order_id) == order_id and r.kind == "SURPLUS_KEPT"}

    def _charged_once(self) -> Iterator[str]:
        """No customer has paid twice: of all captures for an order, all but one went back."""
        by_order = defaultdict(list)
        for thing in self._things:
            if thing.kept > 0:
                by_order[thing.order_id].append(thing)
        for order_id, kept in by_order.items():
            if len(kept) > 1:
                yield f"order {order_id} was charged {len(kept)} times: {[(t.reference, t.kept) for t in kept]}"
            order = self._orders[order_id]
            if order.status not in SETTLED:
                yield f"order {order_id} is {order.status}, and {kept[0].kept} are kept on {kept[0].reference}"

    def _no_surplus_of_ours(self) -> Iterator[str]:
        """The gateway itself never takes money twice, not even to give it back."""
        for refund in self._refunds:
            payment = self._payments[str(refund.payment_id)]
            of_order = {key for key, one in self._payments.items() if one.order_id == payment.order_id}
            relented = any(t.has_relented and t.payment_id in of_order for t in self._things)
            if refund.is_owed and not relented and not of_order & self._operator.erred:
                yield f"payment {refund.payment_id} took money that had to be given back, and nobody had erred"

    def _orders_agree(self) -> Iterator[str]:
        for order in self._orders.values():
            if order.status not in SETTLED:
                continue
            payment = self._payments.get(str(order.payment_id))
            if payment is None or payment.status != "SUCCESS":
                yield f"order {order.order_id} is {order.status} by {order.payment_id}, which is not"
                continue
            if not any(t.captured and t.payment_id == str(payment.payment_id) for t in self._things):
                yield f"order {order.order_id} is {order.status}, and nothing was captured"
            given = payment.refunded_minor
            wanted = "SUCCESS" if not given else "REFUNDED" if given >= payment.captured_minor else "PARTIALLY_REFUNDED"
            if order.status != wanted and not payment.surplus:
                yield f"order {order.order_id} is {order.status}, its payment's refunds say {wanted}"

    def _copies_agree(self) -> Iterator[str]:
        """What payments and refunds say of their order is what it says itself."""
        for made in (*self._payments.values(), *self._refunds):
            order = self._orders.get(str(made.order_id))
            if order and made.merchant_order_id != order.merchant_order_id:
                yield f"{made.payment_id} is of order {made.merchant_order_id!r}, not {order.merchant_order_id!r}"

    def _payments_agree(self) -> Iterator[str]:
        by_payment = defaultdict(list)
        for thing in self._things:
            by_payment[thing.payment_id].append(thing)
        for payment_id, payment in self._payments.items():
            things = by_payment[payment_id]
            taken = [t for t in things if t.captured]
            if payment.status == "SUCCESS" and not taken:
                yield f"payment {payment_id} is SUCCESS, and nothing was captured"
            if payment.status == "SUCCESS" and taken and payment.captured_minor not in {t.captured for t in taken}:
                yield f"payment {payment_id} says {payment.captured_minor}, the books {[t.captured for t in taken]}"
            if payment.status in ("FAILED", "CANCELLED") and any(t.kept for t in taken):
                yield f"payment {payment_id} is {payment.status}, and {taken[0].reference} keeps {taken[0].kept}"
            if payment.status in ENDED:
                for thing in things:
                    if thing.state == State.HELD:
                        yield f"payment {payment_id} is {payment.status}, and {thing.reference} holds money"

    def _refunds_agree(self) -> Iterator[str]:
        books = {key: made for t in self._things for key, made in t.refunds.items()}
        for refund in self._refunds:
            made = books.get(str(refund.refund_id))
            if refund.status == "SUCCESS" and not refund.reason.startswith("taken back") and not _is_made(made):
                yield f"refund {refund.refund_id} is SUCCESS here, at the provider {made}"
            if refund.status == "FAILED" and made and made.status == RefundStatus.SUCCESS:
                yield f"refund {refund.refund_id} is FAILED here, and was made"
            if made and made.amount != refund.amount_minor:
                yield f"refund {refund.refund_id} is of {refund.amount_minor}, {made.amount} went back"
        known = {str(refund.refund_id) for refund in self._refunds}
        for refund_id in books.keys() - known:
            yield f"{refund_id} was given back, and nobody wanted it"
        for thing in self._things:
            if thing.kept < 0:
                yield f"{thing.reference} gave back more than it took"

    def _sums_agree(self) -> Iterator[str]:
        """What a payment says was given back is what its object's books say."""
        by_reference = {t.reference: t for t in self._things} | {t.intent: t for t in self._things}
        for payment_id, payment in self._payments.items():
            thing = by_reference.get(payment.provider_reference)
            if payment.status == "SUCCESS" and thing and payment.refunded_minor != thing.given:
                yield f"payment {payment_id} says {payment.refunded_minor} were given back, the books {thing.given}"

    def _people_are_not_asked_needlessly(self) -> Iterator[str]:
        """What is owed is given back without a person, unless the provider has refused or nobody could tell."""
        refused = {refund_id for t in self._things for refund_id in t.refused}
        failed = {key for t in self._things for key, made in t.refunds.items() if made.status == RefundStatus.FAILED}
        unknown = {str(r.refund_id) for r in self._reviews if r.kind == "UNKNOWN_REFUND"}
        for review in self._reviews:
            about = str(review.refund_id)
            if review.kind == "SURPLUS_KEPT" and review.refund_id and about not in refused | failed | unknown:
                yield f"a person was asked to give back {about}, and nobody had refused: {review.reason}"

    def _nothing_is_open(self) -> Iterator[str]:
        yield from self._payments_have_ended()
        for order in self._orders.values():
            if order.status == "PROCESSING" and str(order.order_id) not in self._held:
                yield f"order {order.order_id} is still PROCESSING by {order.payment_id}"
        for refund in self._refunds:
            if refund.status not in ("SUCCESS", "FAILED"):
                yield f"refund {refund.refund_id} is still {refund.status}"
        for operation in self._operations:
            yield f"operation {operation.kind} of {operation.payment_id} is still {operation.status}"
        for review in self._reviews:
            if review.resolve_time is None:
                yield f"a review of {review.payment_id} is open: {review.kind}"

    def _payments_have_ended(self) -> Iterator[str]:
        for payment_id, payment in self._payments.items():
            held = any(t.state == State.HELD and t.payment_id == payment_id for t in self._things)
            is_held = payment.status == "AUTHORIZED" and held and not self._world.payment_settings.authorization_hours
            if is_held:
                self._held.add(str(payment.order_id))
            elif payment.status not in ENDED:
                yield f"payment {payment_id} is still {payment.status}"

    def _answers_were_true(self) -> Iterator[str]:
        for shop in self._shops:
            for said in shop.said:
                things = [t for t in self._things if t.payment_id == said.payment_id]
                if said.what == "cancelled" and any(t.kept for t in things):
                    yield f"{said.payment_id} was cancelled with 200, and money is kept"
                if said.what == "captured" and said.amount not in {t.captured for t in things}:
                    yield f"{said.payment_id} was captured with 200 by {said.amount}: {[t.captured for t in things]}"

    def _events_are_complete(self) -> Iterator[str]:
        for service, store in self._world.stores.items():
            left = store.count("SELECT count(*) FROM outbox WHERE publish_time IS NULL")
            if left:
                yield f"{left} events of {service} were not published"
        dead = self._world.stores["orders"].rows("SELECT * FROM dead_letters")
        for letter in dead:
            yield f"dead letter {letter.event_id}: {letter.reason}"
        events = self._world.stores["payments"].rows(
            "SELECT status, reason, event_id FROM provider_events WHERE status NOT IN ('APPLIED', 'IGNORED')"
        )
        for event in events:
            if event.status != "QUARANTINED":
                yield f"provider event {event.event_id} is {event.status}: {event.reason}"
        yield from self._versions_follow()
        yield from versions_without_an_event(self._world.stores)

    def _versions_follow(self) -> Iterator[str]:
        versions: dict[str, list[int]] = defaultdict(list)
        seen = set()
        for message in self._world.stream.messages:
            envelope = event_pb2.EventEnvelope.FromString(message.data)
            if envelope.event_id not in seen:
                seen.add(envelope.event_id)
                versions[envelope.aggregate_id].append(envelope.aggregate_version)
        for aggregate, known in versions.items():
            for before, after in pairwise(known):
                if after < before:
                    yield f"{aggregate}: version {after} was published after {before}"


def versions_without_an_event(stores: Mapping[str, Store]) -> Iterator[str]:
    """Return what no event tells of: merchants are told of versions one after the other, and would wait for it."""
    told: dict[str, set[int]] = defaultdict(set)
    for store in stores.values():
        for row in store.rows("SELECT payload FROM outbox"):
            envelope = event_pb2.EventEnvelope.FromString(row.payload)
            told[envelope.aggregate_id].add(envelope.aggregate_version)
    for service, table, key in RESOURCES:
        for row in stores[service].rows(f"SELECT {key} AS id, version FROM {table}"):
            missing = set(range(1, row.version + 1)) - told[str(row.id)]
            if missing:
                yield f"{key} {row.id} is at version {row.version}, and no event tells of {sorted(missing)}"


def _is_made(made: Returned | None) -> bool:
    return made is not None and made.status == RefundStatus.SUCCESS
