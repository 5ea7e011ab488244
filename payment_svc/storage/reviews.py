"""Every SQL statement about reviews."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.money import Money
from mesh.storage.database import Session, parameters_for, statement
from payment_svc.domain.payment import Received
from payment_svc.domain.reconciliation import DealtWith
from payment_svc.domain.review import Resolution, Review, ReviewKind
from payment_svc.tables import reviews


class ReviewRow(NamedTuple):
    """A review as it is stored."""

    review_id: UUID
    kind: str
    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    refund_id: UUID | None
    attempt: int
    amount_minor: int
    currency: str
    provider: str
    provider_reference: str
    reason: str
    create_time: datetime
    resolution: str | None
    resolved_by: str
    why: str
    confirmed_by: str
    resolve_time: datetime | None
    held: bool | None


class DealtWithRow(NamedTuple):
    """Money that a person has dealt with at the provider."""

    payment_id: UUID
    provider_reference: str
    attempt: int
    amount_minor: int
    currency: str
    is_capture: bool


GATEWAY = "gateway"
"""Who has resolved what a fact has answered."""
_id = sa.bindparam("review_id", type_=sa.UUID)
_ANSWER = ("resolution", "resolved_by", "why", "confirmed_by", "resolve_time")
_MONEY = ("amount_minor", "currency", "held")
_QUESTION = ("payment_id", "kind", "provider_reference", "amount_minor", "currency")
_put = pg.insert(reviews).values(parameters_for(reviews, prefix="b_"))
_INSERT = statement(
    _put.on_conflict_do_update(
        index_elements=["payment_id", "kind", "attempt", "provider_reference"],
        index_where=reviews.c.resolve_time.is_(None),
        # other money on the same object is another question: who has answered the one before is asked again
        set_={name: _put.excluded[name] for name in ("reason", *_MONEY, *_ANSWER)},
        where=sa.and_(
            _put.excluded.held.is_not(None),
            sa.tuple_(*(reviews.c[name] for name in _MONEY)).is_distinct_from(
                sa.tuple_(*(_put.excluded[name] for name in _MONEY))
            ),
        ),
    ).returning(reviews.c.review_id),
    UUID,
)
_ANSWERED = statement(
    sa.select(reviews.c.review_id)
    .where(
        reviews.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID),
        reviews.c.kind == str(ReviewKind.AMOUNT_DIFFERS),
        reviews.c.refund_id.is_(None),
        reviews.c.held == sa.bindparam("held", type_=sa.Boolean),
        reviews.c.amount_minor == sa.bindparam("amount", type_=sa.BigInteger),
        reviews.c.currency == sa.bindparam("currency", type_=sa.Text),
        sa.bindparam("reference", type_=sa.Text).in_([reviews.c.provider_reference, ""]),
        reviews.c.resolve_time.is_not(None),
    )
    .limit(1),
    UUID,
)
_WAS_ANSWERED = statement(
    sa.select(reviews.c.review_id)
    .where(
        *(reviews.c[name] == sa.bindparam(name, type_=reviews.c[name].type) for name in _QUESTION),
        reviews.c.resolve_time.is_not(None),
    )
    .limit(1),
    UUID,
)
_is_excess = sa.and_(reviews.c.kind == str(ReviewKind.AMOUNT_DIFFERS), reviews.c.refund_id.is_not(None))
_is_capture = sa.or_(
    reviews.c.kind == str(ReviewKind.FOREIGN_CAPTURE),
    sa.and_(reviews.c.kind == str(ReviewKind.AMOUNT_DIFFERS), reviews.c.refund_id.is_(None), ~reviews.c.held),
)
_DEALT_WITH = statement(
    sa.select(
        *(reviews.c[name] for name in ("payment_id", "provider_reference", "attempt", "amount_minor", "currency")),
        sa.func.coalesce(_is_capture, sa.false()).label("is_capture"),
    ).where(
        reviews.c.payment_id == sa.any_(sa.bindparam("ids", type_=pg.ARRAY(sa.UUID))),
        reviews.c.resolution == str(Resolution.NOT_CAPTURED),
        reviews.c.resolve_time.is_not(None),
        # what a fact has answered is in the books
        reviews.c.resolved_by != GATEWAY,
        sa.or_(
            _is_capture,
            reviews.c.kind == str(ReviewKind.SURPLUS_KEPT),
            sa.and_(_is_excess, reviews.c.held.is_(None)),
        ),
    ),
    DealtWithRow,
)
_LOCK = statement(sa.select(reviews).where(reviews.c.review_id == _id).with_for_update(), ReviewRow)
_GET = statement(sa.select(reviews).where(reviews.c.review_id == _id), ReviewRow)
_OPEN = statement(
    sa.select(reviews).where(
        reviews.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID),
        reviews.c.kind == sa.bindparam("kind", type_=sa.Text),
        reviews.c.resolve_time.is_(None),
    ),
    ReviewRow,
)
_PAGE = statement(
    sa.select(reviews)
    .where(
        sa.or_(reviews.c.resolve_time.is_(None), sa.bindparam("resolved", type_=sa.Boolean)),
        reviews.c.review_id > sa.bindparam("after", type_=sa.UUID),
    )
    .order_by(reviews.c.review_id)
    .limit(sa.bindparam("limit", type_=sa.Integer)),
    ReviewRow,
)
_RESOLVE = statement(
    sa.update(reviews)
    .where(reviews.c.review_id == sa.bindparam("b_review_id", type_=sa.UUID), reviews.c.resolve_time.is_(None))
    .values(parameters_for(reviews, *_ANSWER, prefix="b_"))
)
_CLOSE = statement(
    sa.update(reviews)
    .where(
        reviews.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID),
        reviews.c.kind == sa.any_(sa.bindparam("kinds", type_=pg.ARRAY(sa.Text))),
        reviews.c.refund_id.is_not_distinct_from(sa.bindparam("refund_id", type_=sa.UUID)),
        reviews.c.resolve_time.is_(None),
    )
    .values(
        resolution=sa.bindparam("resolution", type_=sa.Text),
        resolved_by=GATEWAY,
        why=sa.bindparam("why", type_=sa.Text),
        resolve_time=sa.func.db_now(),
    )
)


def _review(row: ReviewRow) -> Review:
    return Review(
        review_id=row.review_id,
        kind=ReviewKind(row.kind),
        payment_id=row.payment_id,
        merchant_id=row.merchant_id,
        order_id=row.order_id,
        refund_id=row.refund_id,
        attempt=row.attempt,
        amount=Money(row.amount_minor, row.currency),
        provider=row.provider,
        provider_reference=row.provider_reference,
        reason=row.reason,
        create_time=row.create_time,
        resolution=Resolution(row.resolution) if row.resolution else None,
        resolved_by=row.resolved_by,
        why=row.why,
        confirmed_by=row.confirmed_by,
        resolve_time=row.resolve_time,
        held=row.held,
    )


class ReviewRepository:
    """Reviews in PostgreSQL. Methods run in the session that they are given."""

    async def insert(self, session: Session, review: Review) -> bool:
        """Store a question; return False when the same one is open already. Of other money it is put anew."""
        names = [c.name for c in reviews.columns if c.name not in ("amount_minor", "currency", "kind", "resolution")]
        values: dict[str, object] = {f"b_{name}": getattr(review, name) for name in names}
        values |= {"b_amount_minor": review.amount.minor, "b_currency": review.amount.currency}
        values |= {"b_kind": str(review.kind), "b_resolution": review.resolution and str(review.resolution)}
        return await session.one(_INSERT, **values) is not None

    async def is_answered(self, session: Session, payment_id: UUID, received: Received) -> bool:
        """Whether a person has spoken about this very money: the same amount on the same object."""
        found = await session.one(
            _ANSWERED,
            payment_id=payment_id,
            held=received.is_held,
            amount=received.amount.minor,
            currency=received.amount.currency,
            reference=received.reference,
        )
        return found is not None

    async def get(self, session: Session, review_id: UUID) -> Review | None:
        """Return a review."""
        row = await session.one(_GET, review_id=review_id)
        return _review(row) if row else None

    async def lock(self, session: Session, review_id: UUID) -> Review | None:
        """Return a review and hold its row until the transaction ends."""
        row = await session.one(_LOCK, review_id=review_id)
        return _review(row) if row else None

    async def open_ones(self, session: Session, payment_id: UUID, kind: ReviewKind) -> list[Review]:
        """Return a payment's open questions of a kind; hold the payment's row to rely on them."""
        return [_review(row) for row in await session.all(_OPEN, payment_id=payment_id, kind=str(kind))]

    async def page(self, session: Session, *, resolved: bool, after: UUID | None, limit: int) -> list[Review]:
        """Return reviews, oldest first: the open ones, or those that were resolved as well."""
        rows = await session.all(_PAGE, resolved=resolved, after=after or UUID(int=0), limit=limit)
        return [_review(row) for row in rows]

    async def dealt_with(self, session: Session, payment_ids: Sequence[UUID]) -> dict[UUID, list[DealtWith]]:
        """Return what people have dealt with at the providers, by the payments that it came for."""
        found: dict[UUID, list[DealtWith]] = {}
        for row in await session.all(_DEALT_WITH, ids=list(payment_ids)):
            amount = Money(row.amount_minor, row.currency)
            one = DealtWith(row.provider_reference, row.attempt, amount, row.is_capture)
            found.setdefault(row.payment_id, []).append(one)
        return found

    async def resolve(self, session: Session, review: Review) -> None:
        """Store the answer, or the first of the two that it takes."""
        values: dict[str, object] = {f"b_{name}": getattr(review, name) for name in _ANSWER}
        values["b_resolution"] = str(review.resolution) if review.resolution else None
        await session.run(_RESOLVE, b_review_id=review.review_id, **values)

    async def was_answered(self, session: Session, review: Review) -> bool:
        """Whether a person has answered the same question before."""
        return (
            await session.one(
                _WAS_ANSWERED,
                payment_id=review.payment_id,
                kind=str(review.kind),
                provider_reference=review.provider_reference,
                amount_minor=review.amount.minor,
                currency=review.amount.currency,
            )
            is not None
        )

    async def close(
        self, session: Session, payment_id: UUID, kinds: Collection[ReviewKind], resolution: Resolution, why: str,
        refund_id: UUID | None = None,
    ) -> None:  # fmt: skip
        """Close the questions about a payment as a whole, or about one of its refunds, that a fact has answered."""
        names = [str(kind) for kind in kinds]
        await session.run(
            _CLOSE, payment_id=payment_id, kinds=names, resolution=str(resolution), why=why, refund_id=refund_id
        )
