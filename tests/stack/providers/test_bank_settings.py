"""Which bank a stack talks to, and who is told its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stack.layout import COMPONENTS, StackLayout, plan_layout
from stack.ports import Ports
from stack.providers import bank_transfer
from stack.services import OUR_SERVICES
from stack.settings import StackSettings
from stack.state import DataDir

OUTSIDE = {
    f"{bank_transfer.PREFIX}API_KEY": "outside_key",
    f"{bank_transfer.PREFIX}API_BASE": "https://bank.example",
    f"{bank_transfer.PREFIX}WEBHOOK_SECRET": "outside_secret",
    f"{bank_transfer.PREFIX}TOKEN_SECRET": "outside_token_secret",
}


@contextmanager
def laid_out() -> Iterator[StackLayout]:
    """Lay a whole stack out, without starting it."""
    with DataDir(None) as data, Ports() as ports:
        yield plan_layout(StackSettings(), frozenset(COMPONENTS), data, ports)


def told(site: StackLayout) -> dict[str, dict[str, str]]:
    """Return what each service is told of the bank."""
    found = {}
    for service in OUR_SERVICES:
        env = service.env(site).items()
        found[service.name] = {name: value for name, value in env if name.startswith(bank_transfer.PREFIX)}
    return found


def test_sandbox_plays_the_bank_with_secrets_of_this_stack_that_no_other_service_has() -> None:
    with laid_out() as one, laid_out() as other:
        ours, simulator = told(one), bank_transfer.sandbox_settings(one)
        payment = ours.pop("payment_svc")
        assert payment.keys() == OUTSIDE.keys()
        assert payment[f"{bank_transfer.PREFIX}API_BASE"] == f"{one.sandbox_url}/bank"
        for name in ("API_KEY", "WEBHOOK_SECRET"):
            assert payment[f"{bank_transfer.PREFIX}{name}"] == simulator[f"SANDBOX_BANK_TRANSFER_{name}"]
        assert payment[f"{bank_transfer.PREFIX}TOKEN_SECRET"] not in simulator.values()
        assert not any(ours.values())
        assert not set(payment.values()) & set(told(other)["payment_svc"].values())


def test_bank_of_the_environment_takes_the_place_of_the_sandboxs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    with laid_out() as site:
        ours = told(site)
        assert ours.pop("payment_svc") == OUTSIDE
        assert not any(ours.values())


def test_without_sandbox_and_settings_there_is_no_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONXPAY_STRIPE_API_KEY", "sk_test_real")
    with laid_out() as site:
        assert not any(told(site).values())
