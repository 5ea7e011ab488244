"""Stripe as the shared parts see it."""

import hashlib
import hmac
import time
from collections.abc import Sequence

from starlette.routing import BaseRoute

from sandbox.background.jobs import Job
from sandbox.provider import Refused, World
from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import NAME, Account
from sandbox.stripe.api import Api
from sandbox.stripe.pages import Pages
from sandbox.stripe.resources import charging, checkout, disputes, refunds

_USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
_OUTCOMES = ("succeeded", "failed")


class Stripe:
    """The Stripe provider."""

    name = NAME

    def __init__(self, world: World) -> None:
        self._settings = world.settings
        self._account = Account(world)
        self._api = Api(world, self._account)
        self._pages = Pages(world, self._account)

    def routes(self) -> Sequence[BaseRoute]:
        """``/v1`` and the hosted pages."""
        return [*self._api.routes(), *self._pages.routes()]

    def webhook_url(self) -> str:
        """The one webhook endpoint of the account."""
        return self._settings.stripe_webhook_url

    def sign(self, body: bytes) -> dict[str, str]:
        """The `Stripe-Signature` header: HMAC-SHA256 over ``{t}.{body}``."""
        at = int(time.time())
        secret = self._settings.stripe_webhook_secret.encode()
        signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={at},v1={signature}", "User-Agent": _USER_AGENT}

    def run(self, job: Job) -> None:
        """An asynchronous outcome, or the end of a Session's time."""
        document = self._account.world.documents.get(job.object_id)
        assert document is not None, "jobs are only planned for stored objects"
        if job.name == checkout.EXPIRE:
            checkout.close(self._account, document)
        else:
            self._decide(document, job.outcome)

    def settle(self, object_id: str, outcome: str) -> JSON:
        """Decide a processing PaymentIntent, a 3-D Secure challenge, or a Refund."""
        document = self._account.world.documents.get(object_id)
        if document is None:
            raise Refused(f"no object {object_id}")
        if outcome not in _OUTCOMES:
            raise Refused("outcome must be succeeded or failed")
        self._decide(document, outcome)
        return document.body

    def dispute(self, request: JSON) -> JSON:
        """Disputes come from the cardholder, so only the control API opens them."""
        return disputes.control(self._account, request)

    def _decide(self, document: Document, outcome: str) -> None:
        succeeded = outcome == "succeeded"
        match document.kind, document.body["status"]:
            case "payment_intent", "processing":
                charging.settle(self._account, document, succeeded=succeeded)
            case "payment_intent", "requires_action":
                charging.authenticate(self._account, document, approved=succeeded)
            case "refund", "pending":
                refunds.settle(self._account, document, succeeded=succeeded)
            case "refund", "succeeded" if not succeeded:
                refunds.settle(self._account, document, succeeded=False)
            case kind, status:
                raise Refused(f"{kind} {document.id} is {status}: nothing to settle")
