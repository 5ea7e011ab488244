"""A payment as adapters are given it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus, first_attempt

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def payment_at(provider: str, reference: str, **changes: Any) -> Payment:
    """Return a payment of 12.00 EUR that a provider works on."""
    made = Payment(
        payment_id=UUID(int=1),
        merchant_id=UUID(int=2),
        order_id=UUID(int=3),
        provider=provider,
        provider_reference=reference,
        amount=Money(1200, "EUR"),
        description="",
        status=PaymentStatus.PROCESSING,
        capture_method=CaptureMethod.AUTOMATIC,
        captured=0,
        refunded=0,
        payment_method="",
        return_url="https://shop.example/back",
        redirect_url="",
        failure=None,
        version=3,
        create_time=NOW,
        update_time=NOW,
        attempts=(first_attempt(provider, NOW),),
    )
    return replace(made, **changes)
