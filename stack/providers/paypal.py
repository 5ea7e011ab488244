"""PayPal of a stack: the one that the environment names, else the sandbox's."""

from __future__ import annotations

import secrets

from stack.providers import Account, Surroundings, outside

PREFIX = "FUSIONXPAY_PAYPAL_"
REPLACES_SANDBOX = ""
ACCOUNT = Account(
    credentials={
        "PAYPAL_CLIENT_ID": "paypal_sandbox_client",
        "PAYPAL_CLIENT_SECRET": "paypal_sandbox_secret",
        "PAYPAL_WEBHOOK_ID": "WH-SANDBOX",
    },
    addresses=("PAYPAL_API_BASE", "PAYPAL_CERT_URL_BASE", "PAYPAL_CA_FILE"),
)
CLIENT_ID = "fusionxpay"


def gateway_settings(on: Surroundings) -> dict[str, str]:
    """Return the payment service's settings of PayPal; none where it is off."""
    if (given := outside(PREFIX)) or not on.sandbox_url:
        return given
    base = f"{on.sandbox_url}/paypal"
    return {
        "PAYPAL_CLIENT_ID": CLIENT_ID,
        "PAYPAL_CLIENT_SECRET": _client_secret(on),
        "PAYPAL_WEBHOOK_ID": _webhook_id(on),
        "PAYPAL_API_BASE": base,
        "PAYPAL_CERT_URL_BASE": base,
        "PAYPAL_CA_FILE": _ca_file(on),
    }


def sandbox_settings(on: Surroundings) -> dict[str, str]:
    """Return the settings of the sandbox's PayPal."""
    return {
        "SANDBOX_PAYPAL_CLIENT_ID": CLIENT_ID,
        "SANDBOX_PAYPAL_CLIENT_SECRET": _client_secret(on),
        "SANDBOX_PAYPAL_WEBHOOK_ID": _webhook_id(on),
        "SANDBOX_PAYPAL_WEBHOOK_URL": f"{on.edge_url}/v1/webhooks/paypal",
        "SANDBOX_PAYPAL_CA_FILE": _ca_file(on),
    }


def _client_secret(on: Surroundings) -> str:
    return on.data.provider_secret("paypal_client_secret", lambda: secrets.token_hex(16))


def _webhook_id(on: Surroundings) -> str:
    return on.data.provider_secret("paypal_webhook_id", lambda: secrets.token_hex(8).upper())


def _ca_file(on: Surroundings) -> str:
    """Return where the sandbox writes the CA of its webhook certificates."""
    return str(on.data.folder("sandbox") / "paypal-ca.pem")
