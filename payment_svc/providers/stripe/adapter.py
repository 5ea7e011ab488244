"""The Stripe adapter: a hosted page (Checkout Session) or a token confirmed at once (PaymentIntent)."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import stripe
from stripe import StripeClient

from mesh.money import Money
from payment_svc.domain.clocks import CLOCK_SKEW
from payment_svc.domain.dispute import DisputeSnapshot
from payment_svc.domain.payment import Failure, Payment, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot
from payment_svc.providers import http_client
from payment_svc.providers.base import (
    Capabilities,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderError,
    ProviderEvent,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.reading import Object, text
from payment_svc.providers.stripe import amounts, errors, objects, requests, webhooks
from payment_svc.providers.stripe.errors import translated

CANCELLED = Failure("cancelled", "the merchant cancelled the payment")


class _HttpClient(stripe.HTTPXClient):
    """The SDK's client, over ours, with room for as many calls as the bulkhead lets through.

    The SDK has no setting for that and keeps httpx's own limit of 100: further calls would wait where nobody sees it.
    """

    def __init__(self, timeout: httpx.Timeout | float, max_calls: int, proxy: str) -> None:
        # the SDK's own client is never used, and must not read its certificates for that
        super().__init__(timeout=timeout, verify_ssl_certs=False)
        self._verify_ssl_certs = True
        limits = httpx.Limits(max_connections=max_calls, max_keepalive_connections=64)
        self._client_async = http_client.client(
            timeout=timeout, proxy=proxy, ca_file=str(stripe.ca_bundle_path), limits=limits
        )


class StripeProvider:
    """Stripe behind the `Provider` interface; its promises are written there."""

    name = "stripe"
    capabilities = Capabilities(
        hosted_page=True,
        tokens=r"(pm|ctoken)_\w+",
        authorization_lifetime=timedelta(days=7),
        partial_capture=True,
        refunds=True,
        partial_refunds=True,
        disputes=True,
        # a Checkout Session (cs_) takes money by a PaymentIntent (pi_)
        names_money=True,
        # SEPA debits: up to 14 business days (https://docs.stripe.com/payments/sepa-debit)
        works_for=timedelta(days=21),
    )

    def __init__(
        self,
        api_key: str,
        webhook_secrets: Sequence[str],
        api_base: str,
        *,
        timeout: httpx.Timeout | float,
        max_calls: int,
        proxy: str = "",
    ) -> None:
        self._secrets = webhook_secrets
        self._http = _HttpClient(timeout, max_calls, proxy)
        self._api = StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=self._http,
            max_network_retries=1,
        ).v1

    async def identity(self) -> str:
        """Retrieve the key's account. A restricted key needs a permission for that."""
        with translated():
            account = await self._api.accounts.retrieve_current_async()
            return text(account.to_dict(), "id")

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
            if errors.would_be_replayed(unknown):
                raise
            try:
                return await send(payment)
            except UnavailableError:
                raise unknown from None

    async def fetch(self, payment: Payment) -> Snapshot:
        """Retrieve the session with its intent, or the intent."""
        reference = requests.in_path(payment.provider_reference)
        with translated():
            if reference.startswith("cs_"):
                session = await self._api.checkout.sessions.retrieve_async(reference, {"expand": ["payment_intent"]})
                return objects.of_session(session.to_dict())
            intent = await self._api.payment_intents.retrieve_async(reference)
            return await self._of_intent(payment, intent.to_dict())

    async def find(self, payment: Payment) -> Snapshot | None:
        """Walk through what was created since the payment was, for the object that carries our id.

        Lists are consistent at once; Stripe's search lags by up to a minute.
        """
        since: Any = {"gte": int((payment.create_time - CLOCK_SKEW).timestamp())}
        payment_id = str(payment.payment_id)
        with translated():
            if payment.is_hosted:
                sessions = await self._api.checkout.sessions.list_async(
                    {"created": since, "limit": 100, "expand": ["data.payment_intent"]}
                )
                async for session in sessions.auto_paging_iter():
                    opened = session.to_dict()
                    if opened.get("client_reference_id") == payment_id:
                        return objects.of_session(opened)
                return None
            intents = await self._api.payment_intents.list_async({"created": since, "limit": 100})
            async for intent in intents.auto_paging_iter():
                found = intent.to_dict()
                if objects.label(found, "payment_id") == payment_id:
                    return await self._of_intent(payment, found)
        return None

    async def complete(self, payment: Payment, key: str) -> Snapshot:
        """Say how the payment stands: Stripe takes the money itself when the customer has approved."""
        del key
        return await self.fetch(payment)

    async def capture(self, payment: Payment, amount: Money, key: str) -> Snapshot:
        """Capture the intent."""
        intent_id = await self._intent_id(payment)
        with translated():
            intent = await self._api.payment_intents.capture_async(
                intent_id,
                {"amount_to_capture": amounts.to_wire(amount)},
                requests.under(key),
            )
            return replace(objects.of_intent(intent.to_dict(), hosted=payment.is_hosted), reference="")

    async def cancel(self, payment: Payment, key: str) -> Snapshot:
        """Expire an open session, or cancel the intent."""
        if payment.is_hosted and payment.status != PaymentStatus.AUTHORIZED:
            session_id = requests.in_path(payment.provider_reference)
            with translated():
                session = await self._api.checkout.sessions.expire_async(
                    session_id, options=requests.under(f"{key}:expire")
                )
                said = objects.of_session(session.to_dict())
        else:
            intent_id = await self._intent_id(payment)
            with translated():
                intent = await self._api.payment_intents.cancel_async(intent_id, options=requests.under(key))
                said = replace(objects.of_intent(intent.to_dict(), hosted=True), reference="")
        return replace(said, failure=CANCELLED) if said.status == PaymentStatus.CANCELLED else said

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """Create a Refund of the intent."""
        intent_id = await self._intent_id(payment)
        with translated():
            made = await self._api.refunds.create_async(
                requests.refund(payment, refund, intent_id), requests.under(str(refund.refund_id))
            )
            return objects.of_refund(made.to_dict())

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Retrieve the Refund, or walk through those of the intent."""
        with translated():
            if refund.provider_reference:
                return await self._named_refund(refund.provider_reference)
            intent_id = await self._intent_id(payment)
            made = await self._api.refunds.list_async({"payment_intent": intent_id, "limit": 100})
            async for one in made.auto_paging_iter():
                found = one.to_dict()
                if objects.label(found, "refund_id") == str(refund.refund_id):
                    return objects.of_refund(found)
        return None

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Walk through the Refunds of the intent."""
        del since, until
        given: list[GivenBack] = []
        with translated():
            intent_id = await self._intent_id(payment)
            made = await self._api.refunds.list_async({"payment_intent": intent_id, "limit": 100})
            async for one in made.auto_paging_iter():
                found = one.to_dict()
                given.append(GivenBack(objects.label(found, "refund_id"), objects.of_refund(found)))
        return given

    async def owner_of(self, reference: str) -> str:
        """Retrieve the intent: a refund that was made in the dashboard carries no metadata of ours."""
        try:
            with translated():
                intent = await self._api.payment_intents.retrieve_async(requests.in_path(reference))
                return objects.label(intent.to_dict(), "payment_id")
        except ObjectNotFoundError:
            return ""

    async def resolve(self, event: ProviderEvent) -> ProviderEvent:
        """Retrieve the object of a thin event, which names nothing else."""
        retrieve = {
            "charge": self._api.charges.retrieve_async,
            "checkout.session": self._api.checkout.sessions.retrieve_async,
            "payment_intent": self._api.payment_intents.retrieve_async,
            "refund": self._api.refunds.retrieve_async,
        }.get(event.object_type)
        if retrieve is None:
            return event
        try:
            with translated():
                found: Any = await retrieve(requests.in_path(event.reference))
                return webhooks.resolved(event, found.to_dict())
        except ObjectNotFoundError:
            return replace(event, reference="", refund_reference="", object_type="")

    async def fetch_dispute(self, reference: str) -> DisputeSnapshot:
        """Retrieve the Dispute with its intent or its charge, which know the payment."""
        with translated():
            dispute = await self._api.disputes.retrieve_async(
                requests.in_path(reference), {"expand": ["payment_intent", "charge"]}
            )
            return objects.of_dispute(dispute.to_dict())

    async def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Walk through the intents; those of a Checkout Session carry the payment's id as well."""
        created: Any = {"gte": math.ceil(since.timestamp()), "lt": math.ceil(until.timestamp())}
        with translated():
            intents = await self._api.payment_intents.list_async(
                {"created": created, "limit": 100, "expand": ["data.latest_charge"]}
            )
            async for intent in intents.auto_paging_iter():
                yield objects.record_of(intent.to_dict())

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check `Stripe-Signature`."""
        webhooks.verify(body, headers, self._secrets, now)

    def translate(self, body: bytes) -> ProviderEvent:
        """Read an Event object."""
        return webhooks.translate(body)

    async def close(self) -> None:
        """Close the SDK's connection pool."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def _named_refund(self, reference: str) -> RefundSnapshot | None:
        try:
            with translated():
                refund = await self._api.refunds.retrieve_async(requests.in_path(reference))
                return objects.of_refund(refund.to_dict())
        except ObjectNotFoundError:
            return None

    async def _of_intent(self, payment: Payment, intent: Object) -> Snapshot:
        """Read an intent, and close one that was confirmed by token and refused: nobody is to confirm it again.

        As long as it is open it could be paid after all, so only an intent that Stripe has closed is a payment that has
        failed. Where closing fails, the next look tries again.
        """
        said = objects.of_intent(intent, hosted=payment.is_hosted)
        if payment.is_hosted or not objects.is_refused(intent):
            return said
        try:
            with translated():
                # without a key of ours: a repetition does no harm, and a refusal is not remembered
                closed = await self._api.payment_intents.cancel_async(
                    said.reference, options={"max_network_retries": 0}
                )
                return objects.of_intent(closed.to_dict(), hosted=False)
        except ProviderError:
            return said

    async def _intent_id(self, payment: Payment) -> str:
        """Return the intent behind the payment; a session knows its own. Whatever goes wrong here, nothing was done."""
        reference = requests.in_path(payment.provider_reference)
        if not reference.startswith("cs_"):
            return reference
        try:
            with translated():
                session = await self._api.checkout.sessions.retrieve_async(reference)
                return text(session.to_dict(), "payment_intent")
        except OutcomeUnknownError as error:
            raise UnavailableError(str(error)) from error

    async def _open_page(self, payment: Payment) -> Snapshot:
        with translated():
            session = await self._api.checkout.sessions.create_async(
                requests.page(payment), requests.under(str(payment.payment_id))
            )
            return objects.of_session(session.to_dict())

    async def _confirm(self, payment: Payment) -> Snapshot:
        try:
            with translated():
                intent = await self._api.payment_intents.create_async(
                    requests.charge(payment), requests.under(str(payment.payment_id))
                )
                return objects.of_intent(intent.to_dict(), hosted=False)
        except RejectedError as error:
            return await self._after_rejection(payment, error)

    async def _after_rejection(self, payment: Payment, error: RejectedError) -> Snapshot:
        """Close the intent that a refused confirmation leaves open. Raises what was refused outright: it made none."""
        cause = error.__cause__
        if intent := errors.intent_of(cause):
            why = intent.get("last_payment_error") or errors.body_of(cause)
            said = await self._of_intent(payment, {**intent, "last_payment_error": why})
            return replace(said, failure=error.failure) if said.failure else said
        if isinstance(cause, stripe.CardError):
            return await self._find_declined(payment, error)
        raise error

    async def _find_declined(self, payment: Payment, error: RejectedError) -> Snapshot:
        """Look for the intent of a decline that does not name it; as long as it is not found it may be open."""
        try:
            found = await self.find(payment)
        except ProviderError:
            found = None
        if found is None:
            raise OutcomeUnknownError("a card was declined, and Stripe does not say of which intent") from error
        return found
