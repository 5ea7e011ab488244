"""The bank transfer provider of a stack: the bank that the environment names, else the sandbox's."""

from __future__ import annotations

import secrets

from stack.providers import Account, Surroundings, outside

PREFIX = "FUSIONXPAY_BANK_TRANSFER_"
REPLACES_SANDBOX = ""
ACCOUNT = Account(
    credentials={
        "BANK_TRANSFER_API_KEY": "bank_sandbox_key",
        "BANK_TRANSFER_WEBHOOK_SECRET": "bank_sandbox_secret",
    }
)


def gateway_settings(on: Surroundings) -> dict[str, str]:
    """Return the payment service's settings of the bank; none where it is off."""
    if (given := outside(PREFIX)) or not on.sandbox_url:
        return given
    return {
        "BANK_TRANSFER_API_KEY": _secret(on, "api_key"),
        "BANK_TRANSFER_API_BASE": f"{on.sandbox_url}/bank",
        "BANK_TRANSFER_WEBHOOK_SECRET": _secret(on, "webhook_secret"),
        "BANK_TRANSFER_TOKEN_SECRET": _secret(on, "token_secret"),
    }


def sandbox_settings(on: Surroundings) -> dict[str, str]:
    """Return the settings of the sandbox's bank."""
    return {
        "SANDBOX_BANK_TRANSFER_API_KEY": _secret(on, "api_key"),
        "SANDBOX_BANK_TRANSFER_WEBHOOK_URL": f"{on.edge_url}/v1/webhooks/bank_transfer",
        "SANDBOX_BANK_TRANSFER_WEBHOOK_SECRET": _secret(on, "webhook_secret"),
    }


def _secret(on: Surroundings, name: str) -> str:
    return on.data.provider_secret(f"bank_transfer_{name}", lambda: "bank_" + secrets.token_hex(16))
