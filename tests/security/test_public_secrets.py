"""Secrets that everybody knows: the simulator's, which stand in its documents, beside a real account."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from payment_svc.providers.paypal.registration import PaypalSettings
from payment_svc.providers.stripe.registration import StripeSettings
from sandbox.paypal.settings import PaypalSettings as SandboxPaypal
from sandbox.stripe.settings import StripeSettings as SandboxStripe


def _stripe(key: str, secret: str) -> StripeSettings:
    return StripeSettings(api_key=SecretStr(key), webhook_secret=SecretStr(secret))


@pytest.mark.parametrize("secret", ["whsec_sandbox", "whsec_new,whsec_sandbox"])
def test_real_stripe_does_not_take_the_simulators_secret(secret: str) -> None:
    with pytest.raises(ValidationError, match="FUSIONXPAY_STRIPE_WEBHOOK_SECRET: the simulator's") as caught:
        _stripe("sk_test_51real", secret)
    assert "whsec_sandbox" not in str(caught.value.errors(include_input=False, include_url=False))


def test_real_paypal_does_not_take_the_simulators_secret() -> None:
    with pytest.raises(ValidationError, match="FUSIONXPAY_PAYPAL_CLIENT_SECRET: the simulator's"):
        PaypalSettings(client_id="real", client_secret=SecretStr("paypal_sandbox_secret"), webhook_id="WH-1")


def test_the_simulator_and_real_accounts_by_themselves_are_fine() -> None:
    stripe, paypal = SandboxStripe(), SandboxPaypal()
    _stripe(stripe.api_key, stripe.webhook_secret)
    _stripe("sk_test_51real", "whsec_real")
    for client, secret in ((paypal.client_id, paypal.client_secret), ("real", "real")):
        PaypalSettings(client_id=client, client_secret=SecretStr(secret), webhook_id="WH-1")
