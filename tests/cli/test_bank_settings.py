from __future__ import annotations

import psutil
import pytest

from cli.stack import Stack

PREFIX = "FUSIONXPAY_BANK_TRANSFER_"
OUTSIDE = {
    f"{PREFIX}API_KEY": "outside_key",
    f"{PREFIX}API_BASE": "https://bank.example",
    f"{PREFIX}WEBHOOK_SECRET": "outside_secret",
    f"{PREFIX}TOKEN_SECRET": "outside_token_secret",
}
PARTS = ["postgres", "nats", "valkey", "order_svc", "payment_svc", "sandbox"]


def bank_settings(stack: Stack, component: str) -> dict[str, str]:
    env = psutil.Process(stack.ready.pids[component]).environ()
    return {name: value for name, value in env.items() if "BANK_TRANSFER" in name}


def test_bank_of_the_sandbox_and_gateway_share_secrets_that_no_other_service_has():
    with Stack(components=PARTS) as stack:
        told, sandbox = bank_settings(stack, "payment_svc"), bank_settings(stack, "sandbox")
        assert told.keys() == OUTSIDE.keys()
        assert told[f"{PREFIX}API_BASE"] == f"{stack.ready.sandbox_url}/bank"
        for name in ("API_KEY", "WEBHOOK_SECRET"):
            assert told[f"{PREFIX}{name}"] == sandbox[f"SANDBOX_BANK_TRANSFER_{name}"]
        assert told[f"{PREFIX}TOKEN_SECRET"] not in sandbox.values()
        assert bank_settings(stack, "order_svc") == {}


def test_bank_of_the_environment_takes_the_place_of_the_sandboxs(monkeypatch: pytest.MonkeyPatch):
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    with Stack(components=PARTS) as stack:
        assert bank_settings(stack, "payment_svc") == OUTSIDE
        assert bank_settings(stack, "order_svc") == {}
