"""What a provider says of a payment that cannot be: a person is asked about it."""

from __future__ import annotations

from payment_svc.domain.payment import AmountMismatchError, DoubtError, ForeignObjectError, Payment
from payment_svc.domain.review import ReviewKind, about_foreign, about_money
from payment_svc.use_cases.ledger import Ledger


async def put(
    ledger: Ledger,
    payment: Payment,
    error: DoubtError,
    attempt: int = 0,
    reference: str = "",
) -> None:
    """Ask, once, about money of another amount, or on an object of no attempt; `reference` names what has no name."""
    if isinstance(error, ForeignObjectError):
        kind, about = ReviewKind.FOREIGN_CAPTURE, about_foreign(error, payment, attempt)
    elif isinstance(error, AmountMismatchError):
        kind, about = ReviewKind.AMOUNT_DIFFERS, about_money(error, payment, reference)
    else:
        raise error
    await ledger.ask_a_person(payment, kind, str(error), about)
