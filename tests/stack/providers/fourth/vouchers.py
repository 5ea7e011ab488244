"""Vouchers of a stack: a provider that the tests alone have."""

from __future__ import annotations

from stack.providers import Account, Surroundings, outside

PREFIX = "FUSIONXPAY_VOUCHERS_"
REPLACES_SANDBOX = f"{PREFIX}ISSUER"
ACCOUNT = Account({"VOUCHERS_ISSUER": "nobody", "VOUCHERS_WEBHOOK_SECRET": ""}, ("VOUCHERS_API_BASE",), ("issuer_",))


def gateway_settings(on: Surroundings) -> dict[str, str]:
    """Return the settings of the payment service."""
    return outside(PREFIX) or {"VOUCHERS_WEBHOOK_SECRET": _secret(on), "VOUCHERS_API_BASE": on.sandbox_url}


def sandbox_settings(on: Surroundings) -> dict[str, str]:
    """Return the settings of the sandbox."""
    return {"SANDBOX_VOUCHERS_WEBHOOK_SECRET": _secret(on)}


def _secret(on: Surroundings) -> str:
    return on.data.provider_secret("vouchers_webhook_secret", lambda: "made once")
