"""Which bank a stack talks to, and who is told its secrets."""

from __future__ import annotations

import pytest

from stack.providers import bank_transfer
from tests.support.stack.layouts import given, laid_out

OUTSIDE = {
    f"{bank_transfer.PREFIX}API_KEY": "outside_key",
    f"{bank_transfer.PREFIX}API_BASE": "https://bank.example",
    f"{bank_transfer.PREFIX}WEBHOOK_SECRET": "outside_secret",
    f"{bank_transfer.PREFIX}TOKEN_SECRET": "outside_token_secret",
}


def test_sandbox_plays_the_bank_with_secrets_of_this_stack_that_no_other_service_has() -> None:
    with laid_out() as one, laid_out() as other:
        ours, simulator = given(one, bank_transfer.PREFIX), bank_transfer.sandbox_settings(one)
        payment = ours.pop("payment_svc")
        assert payment.keys() == OUTSIDE.keys()
        assert payment[f"{bank_transfer.PREFIX}API_BASE"] == f"{one.sandbox_url}/bank"
        for name in ("API_KEY", "WEBHOOK_SECRET"):
            assert payment[f"{bank_transfer.PREFIX}{name}"] == simulator[f"SANDBOX_BANK_TRANSFER_{name}"]
        assert payment[f"{bank_transfer.PREFIX}TOKEN_SECRET"] not in simulator.values()
        assert not any(ours.values())
        assert not set(payment.values()) & set(given(other, bank_transfer.PREFIX)["payment_svc"].values())


def test_bank_of_the_environment_takes_the_place_of_the_sandboxs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    with laid_out() as site:
        ours = given(site, bank_transfer.PREFIX)
        assert ours.pop("payment_svc") == OUTSIDE
        assert not any(ours.values())
