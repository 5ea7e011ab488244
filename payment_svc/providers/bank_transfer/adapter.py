"""The bank transfer adapter: a page with instructions, and a wait for the money."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from mesh.money import Money
from payment_svc.domain.payment import Failure, Payment, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot
from payment_svc.providers.bank_transfer import amounts, objects, webhooks
from payment_svc.providers.bank_transfer.client import BankClient
from payment_svc.providers.base import Capabilities, OutcomeUnknownError, ProviderEvent, RejectedError, UnavailableError
from payment_svc.providers.reading import text

DESCRIPTION_LENGTH = 140
"""What fits on a bank statement: ISO 20022's unstructured remittance information."""


class BankTransferProvider:
    """A bank behind the `Provider` interface; its promises are written there."""

    name = "bank_transfer"
    capabilities = Capabilities(
        hosted_page=True,
        tokens="",
        authorization_lifetime=None,
        partial_capture=False,
        refunds=True,
        partial_refunds=True,
        disputes=False,
        # a weekend with holidays beside it
        works_for=timedelta(days=5),
    )

    def __init__(
        self,
        api_key: str,
        api_base: str,
        webhook_secrets: Sequence[str],
        token_secrets: Sequence[str],
        *,
        timeout: httpx.Timeout | float,
        proxy: str = "",
    ) -> None:
        self._bank = BankClient(api_key, api_base, timeout=timeout, proxy=proxy)
        self._secrets = webhook_secrets
        self._tokens = webhooks.Tokens(token_secrets)

    async def identity(self) -> str:
        """Return the bank's id of the account that the key is of."""
        return text(await self._bank.get("/account"), "id")

    def check_amount(self, amount: Money) -> None:
        """Refuse what the bank takes no transfers of."""
        amounts.to_wire(amount)

    async def start(self, payment: Payment) -> Snapshot:
        """Announce the transfer. Without a clear answer it is asked once more, under the same key."""
        try:
            return await self._announce(payment)
        except OutcomeUnknownError as unknown:
            try:
                return await self._announce(payment)
            except UnavailableError:
                # it says nothing about the first request, which may have got through
                raise unknown from None

    async def fetch(self, payment: Payment) -> Snapshot:
        """Retrieve the transfer."""
        return objects.of_transfer(await self._bank.get(f"/transfers/{payment.provider_reference}"))

    async def find(self, payment: Payment) -> Snapshot | None:
        """List the transfers that carry the payment's id: there is one at the most."""
        async for transfer in self._bank.walk("/transfers", merchant_reference=str(payment.payment_id)):
            return objects.of_transfer(transfer)
        return None

    async def complete(self, payment: Payment, key: str) -> Snapshot:
        """Say how the payment stands: the customer's bank moves the money, nobody has to take it."""
        del key
        return await self.fetch(payment)

    async def capture(self, payment: Payment, amount: Money, key: str) -> Snapshot:
        """Refuse: a bank transfer holds no money that could be captured later."""
        del payment, key
        raise RejectedError(Failure("provider_rejected", f"{amount} cannot be captured: it was never only held"))

    async def cancel(self, payment: Payment, key: str) -> Snapshot:
        """Withdraw a transfer that was not sent yet."""
        path = f"/transfers/{payment.provider_reference}/cancel"
        return objects.of_transfer(await self._bank.post(path, {}, key))

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """Send money back to the account that it came from."""
        made = await self._bank.post(
            f"/transfers/{payment.provider_reference}/refunds",
            {"amount": amounts.to_wire(refund.amount), "merchant_reference": str(refund.refund_id)},
            str(refund.refund_id),
        )
        return objects.of_refund(made)

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Retrieve the refund, or look for the one that carries its id."""
        if refund.provider_reference:
            return objects.of_refund(await self._bank.get(f"/refunds/{refund.provider_reference}"))
        async for found in self._bank.walk("/refunds", merchant_reference=str(refund.refund_id)):
            return objects.of_refund(found)
        return None

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Walk through all refunds of the span: the bank does not list those of one transfer."""
        span = {"created_from": since.isoformat()} | ({"created_to": until.isoformat()} if until else {})
        return [
            GivenBack(one["merchant_reference"], objects.of_refund(one))
            async for one in self._bank.walk("/refunds", **span)
            if one["transfer_id"] == payment.provider_reference
        ]

    async def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Walk through the transfers."""
        span = {"created_from": since.isoformat(), "created_to": until.isoformat()}
        async for transfer in self._bank.walk("/transfers", **span):
            yield objects.record_of(transfer)

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check the signature, and the token of the transfer that the callback is about."""
        webhooks.verify(body, headers, self._secrets, now)
        with contextlib.suppress(ValueError):  # signed, but no event: `translate` says so
            webhooks.check_token(body, self._tokens)

    def translate(self, body: bytes) -> ProviderEvent:
        """Read a callback."""
        return webhooks.translate(body)

    async def close(self) -> None:
        """Close the connections."""
        await self._bank.close()

    async def _announce(self, payment: Payment) -> Snapshot:
        payment_id = str(payment.payment_id)
        return objects.of_transfer(
            await self._bank.post("/transfers", announcement(payment, self._tokens.of(payment_id)), payment_id)
        )


def announcement(payment: Payment, callback_token: str) -> dict[str, Any]:
    """Return the transfer to announce."""
    # left out where it says nothing more: what the version before has sent is repeated as it was, under its key
    turned_back = {"cancel_url": payment.cancels_to} if payment.cancels_to != payment.returns_to else {}
    return {
        "merchant_reference": str(payment.payment_id),
        "amount": amounts.to_wire(payment.amount),
        "currency": payment.amount.currency,
        "description": payment.description[:DESCRIPTION_LENGTH],
        "callback_token": callback_token,
        "return_url": payment.returns_to,
        **turned_back,
        "metadata": {"order_id": str(payment.order_id)},
    }
