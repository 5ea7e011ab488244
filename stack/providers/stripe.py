"""Stripe of a stack: the one whose key is set, else the sandbox's."""

from __future__ import annotations

import os
import secrets

from stack.providers import Account, Surroundings

PREFIX = "FUSIONXPAY_STRIPE_"
REPLACES_SANDBOX = f"{PREFIX}API_KEY"
ACCOUNT = Account(
    credentials={"STRIPE_API_KEY": "sk_test_sandbox", "STRIPE_WEBHOOK_SECRET": "whsec_sandbox"},
    addresses=("STRIPE_API_BASE",),
    live=("sk_live_", "rk_live_"),
    where="Stripe's Dashboard, Developers, API keys, with test mode off",
)


def gateway_settings(on: Surroundings) -> dict[str, str]:
    """Return Stripe's settings of the payment service."""
    account = {"STRIPE_API_KEY": _api_key(on), "STRIPE_WEBHOOK_SECRET": _webhook_secret(on)}
    return account | ({"STRIPE_API_BASE": on.sandbox_url} if on.sandbox_url else {})


def sandbox_settings(on: Surroundings) -> dict[str, str]:
    """Return the settings of the sandbox's Stripe."""
    return {
        "SANDBOX_STRIPE_API_KEY": _api_key(on),
        "SANDBOX_STRIPE_WEBHOOK_URL": f"{on.edge_url}/v1/webhooks/stripe",
        "SANDBOX_STRIPE_WEBHOOK_SECRET": _webhook_secret(on),
    }


def _api_key(on: Surroundings) -> str:
    return _ours(on, "api_key", "sk_test_")


def _webhook_secret(on: Surroundings) -> str:
    return _ours(on, "webhook_secret", "whsec_")


def _ours(on: Surroundings, name: str, begins: str) -> str:
    """Return what the environment sets, else what was made for this stack."""
    given = os.environ.get(f"{PREFIX}{name.upper()}")
    return given or on.data.provider_secret(f"stripe_{name}", lambda: begins + secrets.token_hex(16))
