"""Stripe of a stack: the one whose key is set, else the sandbox's."""

from __future__ import annotations

from stack.layout import StackLayout

PREFIX = "FUSIONXPAY_STRIPE_"


def gateway_settings(layout: StackLayout) -> dict[str, str]:
    """Return Stripe's settings of the payment service."""
    account = {"STRIPE_API_KEY": layout.stripe_api_key, "STRIPE_WEBHOOK_SECRET": layout.stripe_webhook_secret}
    return account | ({"STRIPE_API_BASE": layout.sandbox_url} if layout.sandbox_url else {})


def sandbox_settings(layout: StackLayout) -> dict[str, str]:
    """Return the settings of the sandbox's Stripe."""
    return {
        "SANDBOX_STRIPE_API_KEY": layout.stripe_api_key,
        "SANDBOX_STRIPE_WEBHOOK_URL": f"{layout.edge_url}/v1/webhooks/stripe",
        "SANDBOX_STRIPE_WEBHOOK_SECRET": layout.stripe_webhook_secret,
    }
