"""Stripe's customers."""

from __future__ import annotations

import httpx

from tests.providers.drivers.driver import Callback, Driver, Json, Subject, TestTokens
from tests.support.providers.stripe_events import Stripe


class StripeDriver(Driver):
    """Checkout Sessions, test cards and 3-D Secure."""

    name = "stripe"
    charge_call = "payment_intents.create"
    tokens = TestTokens("pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required")

    def account(self, name: str, key: str) -> dict[str, str]:
        """A key of an account."""
        return {"api_key": f"sk_test_acct_{name}_{key}", "webhook_secret": f"whsec_{key}"}

    def pay(self, page: str) -> httpx.Response:
        """A card that is approved."""
        return self._press(f"{page}/pay", payment_method="pm_card_visa")

    def decline(self, page: str) -> None:
        """A card that is declined."""
        assert self._press(f"{page}/pay", payment_method="pm_card_chargeDeclined").status_code == 402

    def pay_slowly(self, page: str) -> None:
        """A bank debit."""
        assert self._press(f"{page}/pay", payment_method="pm_usBankAccount_processing").is_success

    def settle(self, payment: Json, outcome: str) -> None:
        """Decide the PaymentIntent of the debit."""
        self.books.settle(self.name, self._intent(payment), outcome)

    def answer_challenge(self, url: str, answer: str) -> None:
        """3-D Secure."""
        self.books.answer_challenge(url, answer)

    def dispute(self, payment: Json) -> httpx.Response:
        """A chargeback."""
        return self._claim_back(payment_intent=self._intent(payment))

    def callback(self, about: Subject) -> Callback:
        """A PaymentIntent that succeeded."""
        sender = self._sender()
        body = sender.event("payment_intent.succeeded", f"pi_{about.reference}", payment_id=about.payment_id)
        return Callback(sender.event_id(body), body)

    def sign(self, body: bytes, *, at: float = 0.0) -> dict[str, str]:
        """The SDK's own scheme."""
        return {"stripe-signature": self._sender().signature(body, at=at)}

    def _sender(self) -> Stripe:
        return Stripe(self.gateway.edge_url, self.gateway.webhook_secrets["stripe"])

    def _intent(self, payment: Json) -> str:
        return str(self.books.ledger(payment["order_id"], "charge")[-1]["object"])
