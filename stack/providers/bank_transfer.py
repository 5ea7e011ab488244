"""The bank transfer provider of a stack: the bank that the environment names, else the sandbox's."""

from __future__ import annotations

import os
import secrets

from stack.layout import StackLayout

PREFIX = "FUSIONXPAY_BANK_TRANSFER_"


def gateway_settings(layout: StackLayout) -> dict[str, str]:
    """Return the payment service's settings of the bank; none where it is off."""
    outside = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and value}
    if outside or not layout.sandbox_url:
        return {name.removeprefix("FUSIONXPAY_"): value for name, value in outside.items()}
    return {
        "BANK_TRANSFER_API_KEY": _secret(layout, "api_key"),
        "BANK_TRANSFER_API_BASE": f"{layout.sandbox_url}/bank",
        "BANK_TRANSFER_WEBHOOK_SECRET": _secret(layout, "webhook_secret"),
        "BANK_TRANSFER_TOKEN_SECRET": _secret(layout, "token_secret"),
    }


def sandbox_settings(layout: StackLayout) -> dict[str, str]:
    """Return the settings of the sandbox's bank."""
    return {
        "SANDBOX_BANK_TRANSFER_API_KEY": _secret(layout, "api_key"),
        "SANDBOX_BANK_TRANSFER_WEBHOOK_URL": f"{layout.edge_url}/v1/webhooks/bank_transfer",
        "SANDBOX_BANK_TRANSFER_WEBHOOK_SECRET": _secret(layout, "webhook_secret"),
    }


def _secret(layout: StackLayout, name: str) -> str:
    return layout.data.provider_secret(f"bank_transfer_{name}", lambda: "bank_" + secrets.token_hex(16))
