"""What became of a provider's event. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from payment_svc.domain.payment import Payment


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event, why, and the payment that it belongs to."""

    status: str
    """APPLIED, IGNORED, QUARANTINED or DEAD."""
    reason: str
    payment: Payment | None = None
