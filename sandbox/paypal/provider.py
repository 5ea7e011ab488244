"""PayPal as the shared parts see it."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from sandbox.paypal import authorizations, captures, disputes, orders, refunds
from sandbox.paypal.account import NAME, Account, kind_of
from sandbox.paypal.api import Api
from sandbox.paypal.notifications import Notifications
from sandbox.paypal.pages import Pages
from sandbox.provider import Provider, Refused, World
from sandbox.store.documents import JSON, Document


class Paypal(Provider):
    """The PayPal provider."""

    name = NAME
    outcomes = ("succeeded", "failed", "reversed", "reversed_unseen", "denied")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._account = Account(world)
        self._api = Api(world, self._account)
        self._pages = Pages(world, self._account)
        self._notifications = Notifications(self._account)

    def routes(self) -> Sequence[BaseRoute]:
        """Everything below ``/paypal``; the API comes last, as it answers 404 for what nobody knows."""
        return [*self._pages.routes(), *self._notifications.routes(), *self._api.routes()]

    def webhook_url(self) -> str:
        """The one webhook of the app."""
        return self._account.settings.webhook_url

    def sign(self, body: bytes) -> dict[str, str]:
        """The `PAYPAL-TRANSMISSION-*` headers."""
        return self._notifications.sign(body)

    def dispute(self, request: JSON) -> JSON:
        """Open, update or close the dispute of a capture."""
        return disputes.control(self._account, request)

    def decide(self, document: Document, outcome: str) -> None:
        """Decide a pending capture or refund, reverse an approval or a capture, or deny a capture after all."""
        match kind_of(document), document.body["status"], outcome:
            case orders.KIND, "APPROVED", "reversed":
                orders.reverse_approval(self._account, document)
            case captures.KIND, "PENDING", "succeeded" | "failed":
                captures.decide(self._account, document, succeeded=outcome == "succeeded")
                authorizations.follow(self._account, document)
            case captures.KIND, "COMPLETED", "denied":
                captures.decide(self._account, document, succeeded=False)
            case captures.KIND, "COMPLETED" | "PARTIALLY_REFUNDED", "reversed" | "reversed_unseen":
                refunds.reverse(self._account, document, unseen=outcome == "reversed_unseen")
            case refunds.KIND, "PENDING", "succeeded" | "failed":
                refunds.decide(self._account, document, succeeded=outcome == "succeeded")
            case refunds.KIND, "COMPLETED", "failed":
                refunds.decide(self._account, document, succeeded=False)
            case kind, status, _:
                raise Refused(f"{kind} {document.id} is {status}: it cannot become {outcome}")
