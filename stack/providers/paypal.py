"""PayPal of a stack: the one that the environment names, else the sandbox's."""

from __future__ import annotations

import os
import secrets

from stack.layout import USER, StackLayout

PREFIX = "FUSIONXPAY_PAYPAL_"


def gateway_settings(layout: StackLayout) -> dict[str, str]:
    """Return the payment service's settings of PayPal; none where it is off."""
    outside = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and value}
    if outside or not layout.sandbox_url:
        return {name.removeprefix("FUSIONXPAY_"): value for name, value in outside.items()}
    base = f"{layout.sandbox_url}/paypal"
    return {
        "PAYPAL_CLIENT_ID": USER,
        "PAYPAL_CLIENT_SECRET": _client_secret(layout),
        "PAYPAL_WEBHOOK_ID": _webhook_id(layout),
        "PAYPAL_API_BASE": base,
        "PAYPAL_CERT_URL_BASE": base,
        "PAYPAL_CA_FILE": _ca_file(layout),
    }


def sandbox_settings(layout: StackLayout) -> dict[str, str]:
    """Return the settings of the sandbox's PayPal."""
    return {
        "SANDBOX_PAYPAL_CLIENT_ID": USER,
        "SANDBOX_PAYPAL_CLIENT_SECRET": _client_secret(layout),
        "SANDBOX_PAYPAL_WEBHOOK_ID": _webhook_id(layout),
        "SANDBOX_PAYPAL_WEBHOOK_URL": f"{layout.edge_url}/v1/webhooks/paypal",
        "SANDBOX_PAYPAL_CA_FILE": _ca_file(layout),
    }


def _client_secret(layout: StackLayout) -> str:
    return layout.data.provider_secret("paypal_client_secret", lambda: secrets.token_hex(16))


def _webhook_id(layout: StackLayout) -> str:
    return layout.data.provider_secret("paypal_webhook_id", lambda: secrets.token_hex(8).upper())


def _ca_file(layout: StackLayout) -> str:
    """Return where the sandbox writes the CA of its webhook certificates."""
    return str(layout.data.folder("sandbox") / "paypal-ca.pem")
