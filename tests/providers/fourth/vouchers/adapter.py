"""Vouchers: kept in memory, each charged at once, and a signature that is the shared secret itself."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from pydantic import Field, SecretStr

from mesh.money import Money
from payment_svc.domain.payment import Failure, Payment, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import Refund, RefundSnapshot
from payment_svc.providers.base import (
    Capabilities,
    ObjectNotFoundError,
    Provider,
    ProviderEvent,
    RejectedError,
    SignatureInvalidError,
)
from payment_svc.providers.registration import Connection, ProviderRegistration, ProviderSettings

HEADER = "voucher-signature"
SLOW = "voucher_slow"
"""The voucher whose payment stays open until the webhook."""


class VoucherSettings(ProviderSettings, env_prefix="FUSIONXPAY_VOUCHERS_"):
    """The platform's account."""

    secret: SecretStr = Field(SecretStr(""), description="what webhooks are signed with; empty: vouchers are off")
    issuer: str = Field("nobody", description="who stands behind the vouchers")


class VoucherProvider:
    """The smallest provider that takes money."""

    name = "vouchers"
    capabilities = Capabilities(
        hosted_page=False,
        tokens=r"voucher_\w+",
        authorization_lifetime=None,
        partial_capture=False,
        refunds=False,
        partial_refunds=False,
        disputes=False,
    )

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._charged: dict[str, Snapshot] = {}

    async def identity(self) -> str:
        """Whoever has the secret is the account."""
        return hashlib.sha256(self._secret.encode()).hexdigest()

    def check_amount(self, amount: Money) -> None:
        """Any amount will do."""

    async def start(self, payment: Payment) -> Snapshot:
        """Charge the voucher; a slow one only says that it will."""
        reference = f"v-{payment.payment_id}"
        self._charged.setdefault(reference, Snapshot(reference, PaymentStatus.SUCCESS, payment.amount))
        if payment.payment_method == SLOW:
            return Snapshot(reference, PaymentStatus.PROCESSING)
        return self._charged[reference]

    async def fetch(self, payment: Payment) -> Snapshot:
        """Return the charge."""
        if found := await self.find(payment):
            return found
        raise ObjectNotFoundError("no such voucher")

    async def find(self, payment: Payment) -> Snapshot | None:
        """Look the charge up."""
        return self._charged.get(f"v-{payment.payment_id}")

    async def complete(self, payment: Payment, *_: object) -> Snapshot:
        """There is nothing to complete."""
        raise _refusal()

    async def capture(self, payment: Payment, *_: object) -> Snapshot:
        """There is nothing to capture."""
        raise _refusal()

    async def cancel(self, payment: Payment, *_: object) -> Snapshot:
        """There is nothing to cancel."""
        raise _refusal()

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """There are no refunds."""
        raise _refusal()

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """There are no refunds."""
        return None

    async def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """List the charges."""
        for charge in self._charged.values():
            yield ProviderRecord(charge.reference, charge.reference[2:], charge.status, charge.amount, since)

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Compare the signature with the secret."""
        if not hmac.compare_digest(headers.get(HEADER, ""), self._secret):
            raise SignatureInvalidError("not the secret")

    def translate(self, body: bytes) -> ProviderEvent:
        """Read `{"id", "payment_id"}`."""
        event = json.loads(body)
        reference = f"v-{event['payment_id']}"
        return ProviderEvent(event["id"], "voucher.charged", reference, event["payment_id"], datetime.now(UTC))

    async def close(self) -> None:
        """There are no connections."""


def _refusal() -> RejectedError:
    return RejectedError(Failure("provider_rejected", "vouchers cannot do that"))


def _make(credentials: Mapping[str, str], mode: str, settings: VoucherSettings, connection: Connection) -> Provider:
    return VoucherProvider(credentials["secret"])


REGISTRATION = ProviderRegistration(
    name=VoucherProvider.name,
    preference=5,
    capabilities=VoucherProvider.capabilities,
    credentials=("secret",),
    settings=VoucherSettings,
    webhook_header=HEADER,
    make=_make,
)
