"""What may move a payment from one state to the next. Pure: no I/O.

Four speak about money, and each has its own way in. A *fact* is what a provider said of one of its objects: it always
applies, to the attempt that the object belongs to (`apply`). An *answer* ends the operation that it was given to. An
*inference* is what we conclude from silence: it counts only for the version that it was made from (`conclude`). A
*decision* becomes an operation (`domain/operation.py`), whose answer is a fact again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import (
    BY_REVIEW,
    LIVE,
    MOST_ATTEMPTS,
    TERMINAL,
    TRANSITIONS,
    AmountMismatchError,
    Attempt,
    AttemptStatus,
    CaptureMethod,
    Fact,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    StaleFactError,
    first_attempt,
    is_current,
)

_S = PaymentStatus


def move_on(
    payment: Payment, provider: str, failure: Failure, now: datetime, account_id: UUID | None = None
) -> Payment:
    """Return the payment at another provider, after the one before certainly did not charge."""
    given_up = replace(payment.attempt, status=AttemptStatus.FAILED, failure=failure, end_time=now)
    following = replace(first_attempt(provider, now, account_id), number=given_up.number + 1)
    return replace(
        payment,
        provider=provider,
        account_id=account_id,
        provider_reference="",
        redirect_url="",
        action=None,
        attempts=(*payment.attempts[:-1], given_up, following),
        version=payment.version + 1,
        update_time=now,
    )


def apply(payment: Payment, fact: Fact, now: datetime, hold: timedelta | None = None) -> list[Payment]:
    """Return the versions that the payment goes through to agree with the provider; none when it already does.

    Repeated and stale facts are absorbed, terminal states do not regress, and a capture always counts: it settles the
    payment, or is noted as a surplus of its attempt when the payment was settled by another one. `hold` is how long the
    provider keeps money authorized. Raises AmountMismatchError when the provider speaks of other money than ours,
    ForeignObjectError when it speaks of another object than the attempt's, StaleFactError when money that was seen held
    may have been let go since.
    """
    snapshot = fact.snapshot
    is_past = _is_past(payment, fact)
    is_foreign = bool(payment.provider_reference) and snapshot.reference not in ("", payment.provider_reference)
    if is_foreign and not is_past and _is_seen_by_a_person(payment, snapshot):
        return [_named(payment, snapshot.reference, now)]
    if is_foreign and not is_past:
        # whatever it holds: what is decided about an attempt is not carried out on another object
        raise ForeignObjectError(f"{snapshot.reference} is not the object of attempt {fact.attempt}", snapshot)
    if snapshot.amount is not None and not _is_ours(payment, snapshot.status, snapshot.amount):
        words = f"the provider says {snapshot.amount}, the payment is of {payment.amount}"
        raise AmountMismatchError(words, _received(payment, fact, snapshot.amount))
    is_late_hold = snapshot.status == _S.AUTHORIZED and (is_past or payment.status in (_S.FAILED, _S.CANCELLED))
    if is_late_hold and fact.seen not in (None, payment.version):
        raise StaleFactError(f"held at version {fact.seen}, and the payment is at {payment.version}")
    if is_past:
        return _apply_to_past(payment, fact, now)
    if is_late_hold:
        return _note(payment, fact, now, held=snapshot.amount.minor if snapshot.amount else payment.amount.minor)
    if payment.attempt.held and snapshot.status in (_S.FAILED, _S.CANCELLED):
        return _note(payment, fact, now, held=0)
    return _step(payment, snapshot, now, hold)


def _is_seen_by_a_person(payment: Payment, snapshot: Snapshot) -> bool:
    """Whether an object shows the capture that only a person had seen until now."""
    is_nameless = payment.provider_reference.startswith(BY_REVIEW)
    return is_nameless and snapshot.status == _S.SUCCESS and snapshot.amount == payment.money(payment.captured)


def _named(payment: Payment, reference: str, now: datetime) -> Payment:
    """Return the payment after its object has got its name."""
    before = payment.provider_reference
    attempts = (replace(a, provider_reference=reference) if a.provider_reference == before else a
                for a in payment.attempts)  # fmt: skip
    return replace(
        payment, provider_reference=reference, attempts=tuple(attempts), version=payment.version + 1, update_time=now
    )


def _step(payment: Payment, snapshot: Snapshot, now: datetime, hold: timedelta | None) -> list[Payment]:
    """Return the versions on the way to what the object of the present attempt shows."""
    had_no_answer = payment.is_hosted and payment.status == _S.PROCESSING and not payment.provider_reference
    if had_no_answer and snapshot.reference and snapshot.status == _S.INITIATED:
        # now that the page has a name, it is the customer's turn, or may be closed
        snapshot = replace(snapshot, status=_S.REQUIRES_ACTION)
    if payment.status == _S.NEEDS_REVIEW and snapshot.status == _S.PROCESSING and not snapshot.approved:
        # that it is still worked on is what a person was asked about
        snapshot = replace(snapshot, status=_S.NEEDS_REVIEW)
    versions: list[Payment] = []
    for status in _way(payment.status, snapshot.status):
        payment = _next(payment, snapshot, status, now)
        if status == _S.AUTHORIZED and hold and payment.capture_before is None:
            # what is held since before is held no longer for being seen again
            payment = replace(payment, capture_before=now + hold)
        versions.append(payment)
    if not versions and payment.status in LIVE:
        noted = _next(payment, snapshot, payment.status, now)
        if replace(noted, version=payment.version, update_time=payment.update_time) != payment:
            versions.append(noted)
    return versions


def conclude(payment: Payment, version: int, snapshot: Snapshot, now: datetime) -> list[Payment]:
    """Return the versions after something was concluded from silence about `version`; none when that is not the last.

    Silence says nothing of what has become known since, and nothing of a payment that has ended.
    """
    if payment.version != version or payment.status not in LIVE:
        return []
    return apply(payment, Fact(payment.attempt.number, snapshot), now)


def turn_down(payment: Payment, received: Received, failure: Failure, now: datetime, *, owed: bool) -> list[Payment]:
    """Return the version after a person has said that money of another amount is not the payment's; none if it stays.

    The payment ends FAILED unless it has ended, or has moved on from the attempt. What is `owed` is noted on the
    attempt, to be voided or given back. Not for the object that a payment is SUCCESS by.
    """
    number = payment.attempt.number if is_current(payment, received.attempt) else received.attempt
    amounts = {"held" if received.is_held else "surplus": received.amount.minor} if owed else {}
    said = Snapshot(received.reference, _S.FAILED, failure=failure)
    if number != payment.attempt.number or payment.status in TERMINAL:
        return _note(payment, Fact(number, said), now, **amounts)
    ended = _next(payment, said, _S.FAILED, now)
    return [replace(_with_attempt(ended, number, now, **amounts), version=ended.version)]


def to_close(payment: Payment) -> list[Attempt]:
    """Return the attempts whose objects at their providers must not take money any more, as far as they have a name."""
    if payment.status == _S.SUCCESS:
        others = (a for a in payment.attempts if a.provider_reference not in ("", payment.provider_reference))
        return [a for a in others if not a.surplus]
    if payment.status in (_S.FAILED, _S.CANCELLED):
        return [a for a in payment.attempts if a.held]
    past = [a for a in payment.attempts[:-1] if a.held or (a.provider_reference and a.provider != payment.provider)]
    # what its provider works on cannot be closed; what comes of that is settled or given back
    is_idle = payment.status in (_S.INITIATED, _S.REQUIRES_ACTION, _S.AUTHORIZED)
    closes = payment.unwanted and is_idle and bool(payment.provider_reference)
    return [*past, payment.attempt] if closes else past


def newly_to_close(before: Payment, payment: Payment) -> list[Attempt]:
    """Return the attempts that have to be closed since the last change, and had not before."""
    known = {a.number for a in to_close(before)} if before.status == payment.status else set()
    return [a for a in to_close(payment) if a.number not in known]


def return_surplus(payment: Payment, number: int, now: datetime) -> Payment | None:
    """Return the payment after the surplus of an attempt was given back; None when there was none."""
    if not any(a.number == number and a.surplus for a in payment.attempts):
        return None
    return _with_attempt(payment, number, now, surplus=0)


def keep_surplus(payment: Payment, number: int, amount: int, now: datetime) -> Payment | None:
    """Return the payment after the surplus of an attempt could not be given back, or came back; None when it has it."""
    if any(a.number == number and a.surplus for a in payment.attempts):
        return None
    return _with_attempt(payment, number, now, surplus=amount)


def _received(payment: Payment, fact: Fact, amount: Money) -> Received:
    attempt = next(a for a in payment.attempts if a.number == fact.attempt)
    reference = fact.snapshot.reference or attempt.provider_reference
    return Received(attempt.number, attempt.provider, reference, amount, fact.snapshot.status != _S.SUCCESS)


def _is_past(payment: Payment, fact: Fact) -> bool:
    """Whether a fact is about an attempt that the payment has moved on from, to an object of another name."""
    if is_current(payment, fact.attempt):
        return False
    known = next(a for a in payment.attempts if a.number == fact.attempt)
    # what had no name yet is given it by the fact
    current = payment.attempt
    return (known.provider, known.account_id, known.provider_reference or fact.snapshot.reference) != (
        current.provider,
        current.account_id,
        current.provider_reference,
    )


def _apply_to_past(payment: Payment, fact: Fact, now: datetime) -> list[Payment]:
    """Apply what a provider says of an object that the payment has moved on from."""
    snapshot = fact.snapshot
    attempt = next(a for a in payment.attempts if a.number == fact.attempt)
    if snapshot.status == _S.SUCCESS and payment.status != _S.SUCCESS:
        return [_win(payment, attempt, snapshot, now)]
    taken = snapshot.amount.minor if snapshot.amount else payment.amount.minor
    if snapshot.status == _S.SUCCESS:
        return _note(payment, fact, now, surplus=taken, held=0)
    if snapshot.status == _S.AUTHORIZED:
        return _note(payment, fact, now, held=taken)
    if snapshot.status in (_S.CANCELLED, _S.FAILED):
        return _note(payment, fact, now, held=0)
    return _note(payment, fact, now)


def _win(payment: Payment, attempt: Attempt, snapshot: Snapshot, now: datetime) -> Payment:
    """Return the payment settled by an attempt that had been given up: the money is there, wherever we looked last."""
    superseded = Failure("superseded", f"{attempt.provider} had taken the money after all")
    last = payment.attempt
    if last.status == AttemptStatus.OPEN:
        last = replace(last, status=AttemptStatus.FAILED, failure=superseded, end_time=now)
    winner = replace(
        attempt,
        number=last.number + 1,
        provider_reference=snapshot.reference or attempt.provider_reference,
        status=AttemptStatus.SUCCEEDED,
        failure=None,
        held=0,
        create_time=now,
        end_time=now,
    )
    return replace(
        payment,
        status=_S.SUCCESS,
        provider=attempt.provider,
        account_id=attempt.account_id,
        provider_reference=winner.provider_reference,
        captured=snapshot.amount.minor if snapshot.amount else payment.amount.minor,
        redirect_url="",
        action=None,
        failure=None,
        attempts=(*payment.attempts[:-1], last, _taken(payment, winner, now)),
        version=payment.version + 1,
        update_time=now,
    )


def _note(payment: Payment, fact: Fact, now: datetime, **amounts: int) -> list[Payment]:
    """Return the version that notes what is known of an attempt; none when it was known."""
    attempt = next(a for a in payment.attempts if a.number == fact.attempt)
    reference = attempt.provider_reference or fact.snapshot.reference
    noted = _with_attempt(payment, fact.attempt, now, provider_reference=reference, **amounts)
    return [] if noted.attempts == payment.attempts else [noted]


def _with_attempt(payment: Payment, number: int, now: datetime, **changes: Any) -> Payment:
    attempts = tuple(replace(a, **changes) if a.number == number else a for a in payment.attempts)
    return replace(payment, attempts=attempts, version=payment.version + 1, update_time=now)


def _is_ours(payment: Payment, status: PaymentStatus, amount: Money) -> bool:
    """Whether the provider's amount can be the payment's: the same, or a part of it that was captured by hand."""
    if payment.capture_method == CaptureMethod.MANUAL and status == _S.SUCCESS:
        return amount.currency == payment.amount.currency and amount.minor <= payment.amount.minor
    return amount == payment.amount


def _way(current: PaymentStatus, target: PaymentStatus) -> list[PaymentStatus]:
    """Return the legal steps from one status to another; none when the target is behind or out of reach."""
    if target in TRANSITIONS[current]:
        return [target]
    if current == _S.INITIATED and target in TRANSITIONS[_S.PROCESSING]:
        return [_S.PROCESSING, target]
    return []


def _next(payment: Payment, snapshot: Snapshot, status: PaymentStatus, now: datetime) -> Payment:
    *before, last = _attempts(payment, snapshot, status, now)
    if status == _S.SUCCESS:
        last = _taken(payment, last, now)
    return replace(
        payment,
        status=status,
        provider_reference=snapshot.reference or payment.provider_reference,
        captured=snapshot.amount.minor if status == _S.SUCCESS and snapshot.amount else payment.captured,
        redirect_url="" if status in TERMINAL else snapshot.redirect_url,
        action=snapshot.action if status == _S.REQUIRES_ACTION else None,
        failure=None if status == _S.SUCCESS else snapshot.failure or payment.failure,
        attempts=(*before, last),
        version=payment.version + 1,
        update_time=now,
    )


def _taken(payment: Payment, attempt: Attempt, now: datetime) -> Attempt:
    """Return the attempt that took the money now, with the time of it where its end does not tell it.

    Of a capture by hand it is kept in any case: where the version before has kept none, nobody takes its end for it.
    """
    tells = payment.capture_method == CaptureMethod.AUTOMATIC and attempt.end_time == now
    return attempt if tells else replace(attempt, capture_time=now)


def _attempts(payment: Payment, snapshot: Snapshot, status: PaymentStatus, now: datetime) -> tuple[Attempt, ...]:
    """Return the tries after a snapshot: the last one may end, and a new one may have begun at the same provider."""
    *before, last = payment.attempts
    last = replace(last, provider_reference=snapshot.reference or last.provider_reference)
    anew = Attempt(
        last.number + 1, last.provider, last.provider_reference, AttemptStatus.OPEN, None, now, None, last.account_id
    )
    ended = _end(last, snapshot, status, now)
    if ended is not None:
        return (*before, ended)
    if last.status == AttemptStatus.FAILED and _tried_again(last, snapshot, status):
        if last.number >= MOST_ATTEMPTS and status in LIVE and snapshot.failure:
            return (*before, replace(last, failure=snapshot.failure, end_time=now))
        return (*before, last, _end(anew, snapshot, status, now) or anew)
    return (*before, last)


def _tried_again(failed: Attempt, snapshot: Snapshot, status: PaymentStatus) -> bool:
    """Whether the snapshot holds more than the try that failed: money, or another refusal."""
    if status in (_S.AUTHORIZED, _S.SUCCESS):
        return True
    return status in LIVE and snapshot.failure is not None and snapshot.failure != failed.failure


def _end(attempt: Attempt, snapshot: Snapshot, status: PaymentStatus, now: datetime) -> Attempt | None:
    """Return how an open try ended; None when it goes on, or has ended before."""
    if attempt.status != AttemptStatus.OPEN:
        return None
    if status in (_S.AUTHORIZED, _S.SUCCESS):
        return replace(attempt, status=AttemptStatus.SUCCEEDED, end_time=now)
    if status in TERMINAL or snapshot.failure:
        return replace(attempt, status=AttemptStatus.FAILED, failure=snapshot.failure, end_time=now)
    return None
