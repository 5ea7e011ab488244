"""The Stripe adapter: a hosted page (Checkout Session) or a token confirmed at once (PaymentIntent)."""

from __future__ import annotations

import contextlib
import math
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import stripe

from mesh.money import Money
from payment_svc.domain.dispute import DisputeSnapshot
from payment_svc.domain.payment import CaptureMethod, Failure, Payment, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import Refund, RefundSnapshot
from payment_svc.providers.base import (
    Capabilities,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderEvent,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.stripe import amounts, objects, webhooks
from payment_svc.providers.stripe.errors import translated

CLOCK_SKEW = timedelta(minutes=5)
CANCELLED = Failure("cancelled", "the merchant cancelled the payment")


class _HttpClient(stripe.HTTPXClient):
    """The SDK's client, with room for as many calls as the bulkhead lets through.

    The SDK has no setting for it and keeps httpx's own limit of 100: further calls would wait where nobody sees it.
    """

    def __init__(self, timeout: httpx.Timeout | float, max_calls: int) -> None:
        super().__init__(timeout=timeout)
        limits = httpx.Limits(max_connections=max_calls, max_keepalive_connections=64)
        trusted = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        self._client_async = httpx.AsyncClient(verify=trusted, limits=limits)


class StripeProvider:
    """Stripe behind the `Provider` interface; its promises are written there."""

    name = "stripe"
    capabilities = Capabilities(
        hosted_page=True,
        tokens=r"(pm|tok|card|src)_\w+",
        authorization_lifetime=timedelta(days=7),
        partial_capture=True,
        refunds=True,
        partial_refunds=True,
        disputes=True,
    )

    def __init__(
        self,
        api_key: str,
        webhook_secrets: Sequence[str],
        api_base: str,
        *,
        timeout: httpx.Timeout | float,
        max_calls: int,
    ) -> None:
        self._secrets = webhook_secrets
        self._http = _HttpClient(timeout, max_calls)
        self._api = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=self._http,
            max_network_retries=1,
        ).v1

    def check_amount(self, amount: Money) -> None:
        """Refuse what Stripe's integer cannot hold."""
        amounts.to_wire(amount)

    async def start(self, payment: Payment) -> Snapshot:
        """Create a Checkout Session, or a PaymentIntent confirmed with the merchant's token.

        Without a clear answer it is asked once more, under the same key. The SDK's own retry would forget that the
        first request may have got through: a second one that is not even connected says nothing about it.
        """
        send = self._open_page if payment.is_hosted else self._confirm
        try:
            return await send(payment)
        except OutcomeUnknownError as unknown:
            try:
                return await send(payment)
            except UnavailableError:
                raise unknown from None

    async def fetch(self, payment: Payment) -> Snapshot:
        """Retrieve the session with its intent, or the intent."""
        reference = payment.provider_reference
        with translated():
            if reference.startswith("cs_"):
                session = await self._api.checkout.sessions.retrieve_async(reference, {"expand": ["payment_intent"]})
                return objects.of_session(session.to_dict())
            intent = await self._api.payment_intents.retrieve_async(reference)
            return objects.of_intent(intent.to_dict(), hosted=payment.is_hosted)

    async def find(self, payment: Payment) -> Snapshot | None:
        """Walk through what was created since the payment was, for the object that carries our id.

        Lists are consistent at once; Stripe's search lags by up to a minute.
        """
        since: Any = {"gte": int((payment.create_time - CLOCK_SKEW).timestamp())}
        with translated():
            if payment.is_hosted:
                sessions = await self._api.checkout.sessions.list_async(
                    {"created": since, "limit": 100, "expand": ["data.payment_intent"]}
                )
                async for session in sessions.auto_paging_iter():
                    if session.client_reference_id == str(payment.payment_id):
                        return objects.of_session(session.to_dict())
                return None
            intents = await self._api.payment_intents.list_async({"created": since, "limit": 100})
            async for intent in intents.auto_paging_iter():
                found = intent.to_dict()
                if found["metadata"].get("payment_id") == str(payment.payment_id):
                    return objects.of_intent(found, hosted=False)
        return None

    async def complete(self, payment: Payment, key: str) -> Snapshot:
        """Say how the payment stands: Stripe takes the money itself when the customer has approved."""
        del key
        return await self.fetch(payment)

    async def capture(self, payment: Payment, amount: Money, key: str) -> Snapshot:
        """Capture the intent."""
        with translated():
            intent = await self._api.payment_intents.capture_async(
                await self._intent_id(payment),
                {"amount_to_capture": amounts.to_wire(amount)},
                {"idempotency_key": key},
            )
        return replace(objects.of_intent(intent.to_dict(), hosted=payment.is_hosted), reference="")

    async def cancel(self, payment: Payment, key: str) -> Snapshot:
        """Expire an open session, or cancel the intent."""
        with translated():
            if payment.is_hosted and payment.status != PaymentStatus.AUTHORIZED:
                session = await self._api.checkout.sessions.expire_async(
                    payment.provider_reference, options={"idempotency_key": f"{key}:expire"}
                )
                return replace(objects.of_session(session.to_dict()), failure=CANCELLED)
            intent = await self._api.payment_intents.cancel_async(
                await self._intent_id(payment), options={"idempotency_key": key}
            )
        return Snapshot("", objects.of_intent(intent.to_dict(), hosted=True).status, failure=CANCELLED)

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """Create a Refund of the intent."""
        with translated():
            made = await self._api.refunds.create_async(
                {
                    "payment_intent": await self._intent_id(payment),
                    "amount": amounts.to_wire(refund.amount),
                    "metadata": _labels(payment) | {"refund_id": str(refund.refund_id)},
                },
                # no retry by the SDK: it would forget that the first request may have got through
                {"idempotency_key": str(refund.refund_id), "max_network_retries": 0},
            )
        return objects.of_refund(made.to_dict())

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Retrieve the Refund, or walk through those of the intent."""
        with translated():
            if refund.provider_reference:
                return objects.of_refund((await self._api.refunds.retrieve_async(refund.provider_reference)).to_dict())
            made = await self._api.refunds.list_async({"payment_intent": await self._intent_id(payment), "limit": 100})
            async for one in made.auto_paging_iter():
                found = one.to_dict()
                if (found.get("metadata") or {}).get("refund_id") == str(refund.refund_id):
                    return objects.of_refund(found)
        return None

    async def owner_of(self, reference: str) -> str:
        """Retrieve the intent: a refund that was made in the dashboard carries no metadata of ours."""
        with translated():
            intent = await self._api.payment_intents.retrieve_async(reference)
        return str(intent.to_dict()["metadata"].get("payment_id", ""))

    async def fetch_dispute(self, reference: str) -> DisputeSnapshot:
        """Retrieve the Dispute with its intent, which knows the payment."""
        with translated():
            dispute = await self._api.disputes.retrieve_async(reference, {"expand": ["payment_intent"]})
        return objects.of_dispute(dispute.to_dict())

    async def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Walk through the intents; those of a Checkout Session carry the payment's id as well."""
        created: Any = {"gte": math.ceil(since.timestamp()), "lt": math.ceil(until.timestamp())}
        with translated():
            intents = await self._api.payment_intents.list_async({"created": created, "limit": 100})
            async for intent in intents.auto_paging_iter():
                found = intent.to_dict()
                said = objects.of_intent(found, hosted=True)
                yield ProviderRecord(
                    reference=said.reference,
                    payment_id=found["metadata"].get("payment_id", ""),
                    status=said.status,
                    amount=said.amount if said.status == PaymentStatus.SUCCESS else None,
                    create_time=datetime.fromtimestamp(found["created"], UTC),
                )

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check `Stripe-Signature`."""
        webhooks.verify(body, headers, self._secrets, now)

    def translate(self, body: bytes) -> ProviderEvent:
        """Read an Event object."""
        return webhooks.translate(body)

    async def close(self) -> None:
        """Close the SDK's connection pool."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def _intent_id(self, payment: Payment) -> str:
        """Return the intent behind the payment; a session knows its own."""
        if not payment.provider_reference.startswith("cs_"):
            return payment.provider_reference
        session = await self._api.checkout.sessions.retrieve_async(payment.provider_reference)
        return str(session.to_dict()["payment_intent"])

    async def _open_page(self, payment: Payment) -> Snapshot:
        labels = _labels(payment)
        with translated():
            session = await self._api.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "client_reference_id": str(payment.payment_id),
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": payment.amount.currency.lower(),
                                "unit_amount": amounts.to_wire(payment.amount),
                                "product_data": {"name": payment.description or f"Order {payment.order_id}"},
                            },
                        }
                    ],
                    "success_url": payment.return_url,
                    "cancel_url": payment.return_url,
                    "metadata": labels,
                    "payment_intent_data": {"metadata": labels, "capture_method": _capture_method(payment)},
                },
                _once(payment),
            )
        return objects.of_session(session.to_dict())

    async def _confirm(self, payment: Payment) -> Snapshot:
        try:
            with translated():
                intent = await self._api.payment_intents.create_async(self._intent_params(payment), _once(payment))
        except RejectedError as error:
            return await self._after_rejection(payment, error)
        return objects.of_intent(intent.to_dict(), hosted=False)

    def _intent_params(self, payment: Payment) -> Any:
        redirects = {"allow_redirects": "always" if payment.return_url else "never"}
        params: dict[str, Any] = {
            "amount": amounts.to_wire(payment.amount),
            "currency": payment.amount.currency.lower(),
            "payment_method": payment.payment_method,
            "confirm": True,
            "capture_method": _capture_method(payment),
            "automatic_payment_methods": {"enabled": True, **redirects},
            "metadata": _labels(payment),
        }
        if payment.return_url:
            params["return_url"] = payment.return_url
        if payment.description:
            params["description"] = payment.description
        return params

    async def _after_rejection(self, payment: Payment, error: RejectedError) -> Snapshot:
        """Close the intent that a declined confirmation leaves open: nobody will ever confirm it again.

        A decline names its intent; a request that was refused outright made none. Should closing fail, an open intent
        without a confirmation moves no money, and one that is paid all the same is learned by webhook.
        """
        intent_id = _declined_intent(error)
        if not intent_id:
            return Snapshot("", PaymentStatus.FAILED, failure=error.failure)
        with contextlib.suppress(stripe.StripeError, ObjectNotFoundError):
            await self._api.payment_intents.cancel_async(
                intent_id, options={"idempotency_key": f"{payment.payment_id}:decline:{intent_id}"}
            )
        return Snapshot(intent_id, PaymentStatus.FAILED, failure=error.failure)


def _capture_method(payment: Payment) -> Literal["automatic", "manual"]:
    return "manual" if payment.capture_method == CaptureMethod.MANUAL else "automatic"


def _labels(payment: Payment) -> dict[str, str]:
    """Our ids, by which events and objects at Stripe are known as ours."""
    return {"payment_id": str(payment.payment_id), "order_id": str(payment.order_id)}


def _once(payment: Payment) -> Any:
    """Return the options of a request that must have its effect once, however often it is sent."""
    return {"idempotency_key": str(payment.payment_id), "max_network_retries": 0}


def _declined_intent(error: RejectedError) -> str:
    cause = error.__cause__
    body = cause.error if isinstance(cause, stripe.CardError) else None
    intent = getattr(body, "payment_intent", None)
    return str(getattr(intent, "id", ""))
