"""The bank transfer provider of a stack: the bank that the environment names, else the sandbox's."""

from __future__ import annotations

import os

from stack.layout import StackLayout

PREFIX = "FUSIONXPAY_BANK_TRANSFER_"


def gateway_settings(layout: StackLayout) -> dict[str, str]:
    """Return the payment service's settings of the bank; none where it is off."""
    outside = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and value}
    if outside or not layout.sandbox_url:
        return {name.removeprefix("FUSIONXPAY_"): value for name, value in outside.items()}
    secrets = layout.data.secrets
    return {
        "BANK_TRANSFER_API_KEY": secrets.bank_transfer_api_key,
        "BANK_TRANSFER_API_BASE": f"{layout.sandbox_url}/bank",
        "BANK_TRANSFER_WEBHOOK_SECRET": secrets.bank_transfer_webhook_secret,
        "BANK_TRANSFER_TOKEN_SECRET": secrets.bank_transfer_token_secret,
    }


def sandbox_settings(layout: StackLayout) -> dict[str, str]:
    """Return the settings of the sandbox's bank."""
    secrets = layout.data.secrets
    return {
        "SANDBOX_BANK_TRANSFER_API_KEY": secrets.bank_transfer_api_key,
        "SANDBOX_BANK_TRANSFER_WEBHOOK_URL": f"{layout.edge_url}/v1/webhooks/bank_transfer",
        "SANDBOX_BANK_TRANSFER_WEBHOOK_SECRET": secrets.bank_transfer_webhook_secret,
    }
