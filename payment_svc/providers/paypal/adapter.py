"""The PayPal adapter: an order that the customer approves on PayPal's page, and that we then capture or authorize."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx

from mesh.ids import Clock, utc_now
from mesh.money import Money
from payment_svc.domain.clocks import CLOCK_SKEW
from payment_svc.domain.dispute import DisputeSnapshot
from payment_svc.domain.payment import Failure, Payment, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot, RefundStatus
from payment_svc.providers.base import (
    Capabilities,
    CredentialsRefusedError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderEvent,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.paypal import amounts, disputes, objects, records, requests, webhooks
from payment_svc.providers.paypal.certificates import Certificates
from payment_svc.providers.paypal.client import Object, PaypalClient
from payment_svc.providers.paypal.errors import RefusedError

S = PaymentStatus
ORDER_LIFETIME = timedelta(hours=3)
"""How long PayPal keeps an order that nobody approves; after that it knows it no more."""
REPEATABLE = timedelta(hours=5)
"""How long a creation may be sent again: PayPal remembers its request id for six hours."""
LISTED_AFTER = timedelta(hours=3)
"""How late PayPal's records may have what was taken."""
RECALLED_AFTER = ORDER_LIFETIME + LISTED_AFTER + timedelta(hours=1)
"""What is taken of an order while it lives is in PayPal's records by then."""
CANCELLED = Failure("cancelled", "the merchant cancelled the payment")
CHOOSE_AGAIN = frozenset({"INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"})
MOVED_ON = frozenset(
    {
        "ORDER_ALREADY_CAPTURED",
        "ORDER_ALREADY_AUTHORIZED",
        "ORDER_COMPLETED_OR_VOIDED",
        "ORDER_NOT_APPROVED",
        "MAX_AUTHORIZATION_COUNT_EXCEEDED",
    }
)

GONE = frozenset({"ORDER_EXPIRED"})


@dataclass(frozen=True, slots=True)
class Access:
    """Where PayPal is, who we are there, and what its webhooks are verified against."""

    client_id: str
    client_secret: str = field(repr=False)
    webhook_id: str
    api_base: str = ""
    cert_url_base: str = ""
    ca_file: str = ""


class PaypalProvider:
    """PayPal behind the `Provider` interface; its promises are written there."""

    name = "paypal"
    capabilities = Capabilities(
        hosted_page=True,
        tokens="",
        authorization_lifetime=timedelta(days=29),
        partial_capture=True,
        refunds=True,
        partial_refunds=True,
        disputes=True,
        key_retention=REPEATABLE,
        page_lifetime=ORDER_LIFETIME,
        # eChecks: up to six business days
        works_for=timedelta(days=10),
        recalled_after=RECALLED_AFTER,
        listed_after=LISTED_AFTER,
    )

    def __init__(
        self,
        access: Access,
        *,
        timeout: httpx.Timeout | float,
        max_calls: int,
        proxy: str = "",
        clock: Clock = utc_now,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client_id = access.client_id
        self._api = PaypalClient(
            access.api_base,
            access.client_id,
            access.client_secret,
            timeout=timeout,
            max_calls=max_calls,
            proxy=proxy,
            transport=transport,
        )
        self._certificates = Certificates(access.cert_url_base, access.ca_file, proxy=proxy, transport=transport)
        self._verifier = webhooks.Verifier(access.webhook_id, self._certificates, self._api)
        self._clock = clock

    async def identity(self) -> str:
        """Return the client id, once PayPal has taken it with its secret.

        PayPal tells no app whose it is, and nothing says that two share their request ids.
        """
        try:
            await self._api.authenticate()
        except CredentialsRefusedError as error:
            raise CredentialsRefusedError(str(error), self._client_id) from error
        return self._client_id

    def check_amount(self, amount: Money) -> None:
        """Refuse currencies that PayPal does not take, and decimals that it does not take of some."""
        amounts.to_wire(amount)

    async def start(self, payment: Payment) -> Snapshot:
        """Create an order; without a clear answer it is asked once more, under the same request id."""
        try:
            return await self._create(payment)
        except OutcomeUnknownError as unknown:
            try:
                return await self._create(payment)
            except UnavailableError:
                raise unknown from None

    async def fetch(self, payment: Payment) -> Snapshot:
        """Show the order. One that PayPal has forgotten was never approved, or never captured: no money moved."""
        try:
            said = objects.of_order(await self._order(payment))
        except ObjectNotFoundError:
            if payment.status in (S.INITIATED, S.REQUIRES_ACTION) and self._age(payment) > ORDER_LIFETIME:
                return Snapshot(payment.provider_reference, S.CANCELLED, failure=objects.EXPIRED)
            raise
        if said.approved and payment.failure:
            # the way back to choose another instrument stays until one was accepted
            return replace(said, redirect_url=payment.redirect_url)
        return said

    async def find(self, payment: Payment) -> Snapshot | None:
        """Create the order again under the same request id: PayPal shows the one that is there, if it is.

        PayPal has no search for orders that are not paid. An order whose creation had no answer cannot be: nobody ever
        had the link to approve it. So when it was never made, it is now; and when PayPal has forgotten the request id,
        nothing is lost by leaving it. A payment that is still INITIATED is not looked for: `start` comes to the same,
        after its order was reserved.
        """
        if payment.status == S.INITIATED or self._age(payment) > REPEATABLE:
            return None
        return await self._create(payment)

    async def recall(self, payment: Payment) -> Snapshot | None:
        """Look for what was taken or is held in PayPal's records: by our id it finds no order otherwise.

        One that was approved only moves no money: that takes a capture of ours.
        """
        since, until = payment.create_time - CLOCK_SKEW, min(self._clock(), payment.create_time + RECALLED_AFTER)
        found = await records.order_of_payment(self._api, str(payment.payment_id), since, until)
        return await self.fetch(replace(payment, provider_reference=found)) if found else None

    async def complete(self, payment: Payment, key: str) -> Snapshot:
        """Capture or authorize the order that the customer has approved.

        A declined instrument leaves the order open: the customer may go back and choose another one, for as long as an
        order lives. That PayPal knows no such order ends nothing: an earlier call may have captured it.
        """
        reference = requests.in_path(payment.provider_reference)
        action = "authorize" if requests.is_held(payment) else "capture"
        try:
            order = await self._api.post(f"{requests.ORDERS}/{reference}/{action}", {}, key)
        except RefusedError as error:
            if error.issue in MOVED_ON:
                return await self._look_afterwards(payment)
            if error.issue in GONE:
                return Snapshot(reference, S.CANCELLED, failure=objects.EXPIRED)
            if error.issue in CHOOSE_AGAIN and self._age(payment) <= ORDER_LIFETIME:
                page = error.redirect_url or payment.redirect_url
                return Snapshot(reference, S.REQUIRES_ACTION, redirect_url=page, failure=error.failure)
            raise
        return objects.of_order(order)

    async def capture(self, payment: Payment, amount: Money, key: str) -> Snapshot:
        """Capture the authorization; what is left of it is free."""
        order = await self._look(payment)
        taken = await self._api.post(
            f"/v2/payments/authorizations/{_authorization(order)}/capture",
            {"amount": amounts.to_wire(amount), "final_capture": True},
            key,
        )
        said = objects.of_capture(taken)
        # only the order knows whether a refused capture may be tried again
        return said if said.status == S.SUCCESS else await self._look_afterwards(payment)

    async def cancel(self, payment: Payment, key: str) -> Snapshot:
        """Void the authorization. An order that is not approved cannot be voided: it is left to be forgotten.

        Should the customer approve it all the same, nothing is captured of a payment that is CANCELLED.
        """
        order = await self._look(payment)
        if payment.status != S.AUTHORIZED:
            said = objects.of_order(order)
            # what was declined waits for the customer again, although the order says that it is approved: it is
            # captured by our own word only
            is_open = order["status"] in ("CREATED", "SAVED", "PAYER_ACTION_REQUIRED") or (
                payment.status == S.REQUIRES_ACTION and order["status"] == "APPROVED"
            )
            return Snapshot(said.reference, S.CANCELLED, failure=CANCELLED) if is_open else said
        path = f"/v2/payments/authorizations/{_authorization(order)}/void"
        await self._api.post(path, {}, key)
        return Snapshot("", S.CANCELLED, failure=CANCELLED)

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """Refund the capture, which PayPal's own order names."""
        order = await self._look(payment)
        made = await self._api.post(
            f"/v2/payments/captures/{_capture(order)}/refund",
            requests.refund(payment, refund),
            str(refund.refund_id),
        )
        return objects.of_refund(made)

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Show the refund, or find it among those of the order. One that carries another label is not ours.

        An order that PayPal has forgotten says nothing of its refunds.
        """
        if refund.provider_reference:
            path = f"/v2/payments/refunds/{requests.in_path(refund.provider_reference)}"
            try:
                made = [await self._api.get(path)]
            except ObjectNotFoundError:
                return None
        else:
            made = [*objects.payments(await self._order(payment), "refunds")]
        if refund.is_found:
            # the order had listed it when it was written down: it carries no label of ours
            return objects.of_refund(made[0])
        ours = (str(payment.payment_id), str(refund.refund_id))
        return next((objects.of_refund(one) for one in made if requests.labels_of(one.get("custom_id")) == ours), None)

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Show the refunds of the order."""
        del since, until
        made = objects.payments(await self._order(payment), "refunds")
        return [GivenBack(requests.labels_of(one.get("custom_id"))[1], objects.of_refund(one)) for one in made]

    async def reversals(self, payment: Payment, reference: str) -> Sequence[RefundSnapshot]:
        """Show the refund that PayPal made by itself, or those of the order that are none of ours."""
        order = await self._order(payment)
        if not reference:
            made = objects.payments(order, "refunds")
            return [objects.of_refund(one) for one in made if not requests.labels_of(one.get("custom_id"))[1]]
        try:
            taken = await self._api.get(f"/v2/payments/refunds/{requests.in_path(reference)}")
        except ObjectNotFoundError:
            if not objects.is_given_back(order):
                raise
            # what PayPal takes by itself need not be shown as a refund: the capture says that all of it is gone
            return [RefundSnapshot(reference, RefundStatus.SUCCESS)]
        if objects.capture_of(taken) not in {one["id"] for one in objects.captures(order)}:
            raise ObjectNotFoundError(f"{reference} gives back another capture")
        return [objects.of_refund(taken)]

    async def fetch_dispute(self, reference: str) -> DisputeSnapshot:
        """Show the dispute; whose payment it is about says the capture, where the dispute does not."""
        dispute = await self._api.get(f"{disputes.PATH}/{requests.in_path(reference)}")
        capture, label = disputes.capture_of(dispute)
        return disputes.of_dispute(dispute, requests.labels_of(label)[0] or await self.owner_of(capture))

    async def owner_of(self, reference: str) -> str:
        """Show the capture that a refund's event links to: a refund made by hand need not carry our label."""
        try:
            capture = await self._api.get(f"/v2/payments/captures/{requests.in_path(reference)}")
        except ObjectNotFoundError:
            return ""
        return requests.labels_of(capture.get("custom_id"))[0]

    def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Walk through the transactions that PayPal reports."""
        return records.walk(self._api, since, until)

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check `PAYPAL-TRANSMISSION-SIG`."""
        await self._verifier.verify(body, headers, now)

    def translate(self, body: bytes) -> ProviderEvent:
        """Read an event."""
        return webhooks.translate(body)

    async def close(self) -> None:
        """Close both connection pools."""
        await self._certificates.close()
        await self._api.close()

    async def _create(self, payment: Payment) -> Snapshot:
        body, request_id = requests.order(payment), requests.order_id(payment)
        return objects.of_order(await self._api.post(requests.ORDERS, body, request_id))

    async def _order(self, payment: Payment) -> Object:
        """Show the order; one that was made for another payment is none of this one."""
        order = await self._api.get(f"{requests.ORDERS}/{requests.in_path(payment.provider_reference)}")
        if objects.unit_of(order).get("custom_id") != str(payment.payment_id):
            raise ObjectNotFoundError("the order belongs to another payment")
        return order

    async def _look(self, payment: Payment) -> Object:
        """Show the order before something is done with it: whatever goes wrong here, nothing was done."""
        try:
            return await self._order(payment)
        except OutcomeUnknownError as error:
            raise UnavailableError(str(error)) from error
        except ObjectNotFoundError as error:
            raise RejectedError(Failure("provider_rejected", "PayPal knows no such order")) from error

    async def _look_afterwards(self, payment: Payment) -> Snapshot:
        """Show the order after something was, or may have been, done with it: whatever goes wrong here, it stays so."""
        try:
            return await self.fetch(payment)
        except (UnavailableError, ObjectNotFoundError) as error:
            raise OutcomeUnknownError(f"PayPal does not show what came of it: {error}") from error

    def _age(self, payment: Payment) -> timedelta:
        return self._clock() - payment.create_time


def _authorization(order: Object) -> str:
    """Return the id of what is held."""
    held = objects.payments(order, "authorizations")
    if not held:
        raise RejectedError(Failure("provider_rejected", "PayPal holds no money for this payment"))
    return requests.in_path(str(held[-1]["id"]))


def _capture(order: Object) -> str:
    """Return the id of the capture that has money left to give back."""
    for one in objects.captures(order):
        if one["status"] in ("COMPLETED", "PARTIALLY_REFUNDED"):
            return requests.in_path(str(one["id"]))
    raise RejectedError(Failure("provider_rejected", "PayPal has captured nothing that is left to refund"))
