"""Stripe as the shared parts see it."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from sandbox.background.jobs import Job
from sandbox.provider import Provider, Refused, World
from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import NAME, Account
from sandbox.stripe.api import Api
from sandbox.stripe.pages import Pages
from sandbox.stripe.resources import charging, checkout, disputes, refunds
from sandbox.web.signatures import timestamped

_USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


class Stripe(Provider):
    """The Stripe provider."""

    name = NAME
    outcomes = ("succeeded", "failed")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._account = Account(world)
        self._api = Api(world, self._account)
        self._pages = Pages(world, self._account)

    def routes(self) -> Sequence[BaseRoute]:
        """``/v1`` and the hosted pages."""
        return [*self._api.routes(), *self._pages.routes()]

    def webhook_url(self) -> str:
        """The one webhook endpoint of the account."""
        return self._account.settings.webhook_url

    def sign(self, body: bytes) -> dict[str, str]:
        """The `Stripe-Signature` header: HMAC-SHA256 over ``{t}.{body}``."""
        signature = timestamped(self._account.settings.webhook_secret, body)
        return {"Stripe-Signature": signature, "User-Agent": _USER_AGENT}

    def run(self, job: Job) -> None:
        """An asynchronous outcome, or the end of a Session's time."""
        if job.name == checkout.EXPIRE:
            checkout.close(self._account, self.scheduled(job))
        else:
            super().run(job)

    def dispute(self, request: JSON) -> JSON:
        """Disputes come from the cardholder, so only the control API opens them."""
        return disputes.control(self._account, request)

    def decide(self, document: Document, outcome: str) -> None:
        """Decide a processing PaymentIntent, a 3-D Secure challenge, or a Refund."""
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
