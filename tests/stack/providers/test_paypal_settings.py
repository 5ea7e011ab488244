"""Which PayPal a stack talks to, and who is told its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stack.layout import COMPONENTS, StackLayout, plan_layout
from stack.ports import Ports
from stack.providers import paypal
from stack.services import OUR_SERVICES
from stack.settings import StackSettings
from stack.state import DataDir

OUTSIDE = {
    f"{paypal.PREFIX}CLIENT_ID": "real-client",
    f"{paypal.PREFIX}CLIENT_SECRET": "real-secret",
    f"{paypal.PREFIX}WEBHOOK_ID": "WHREAL",
    f"{paypal.PREFIX}API_BASE": "https://api-m.sandbox.paypal.com",
}


@contextmanager
def laid_out() -> Iterator[StackLayout]:
    """Lay a whole stack out, without starting it."""
    with DataDir(None) as data, Ports() as ports:
        yield plan_layout(StackSettings(), frozenset(COMPONENTS), data, ports)


def told(site: StackLayout) -> dict[str, dict[str, str]]:
    """Return what each service is told of PayPal."""
    found = {}
    for service in OUR_SERVICES:
        env = service.env(site).items()
        found[service.name] = {name: value for name, value in env if name.startswith(paypal.PREFIX)}
    return found


def test_sandbox_plays_paypal_with_secrets_of_this_stack_that_no_other_service_has() -> None:
    with laid_out() as one, laid_out() as other:
        ours, simulator = told(one), paypal.sandbox_settings(one)
        payment = ours.pop("payment_svc")
        for name in ("CLIENT_ID", "CLIENT_SECRET", "WEBHOOK_ID", "CA_FILE"):
            assert payment[f"{paypal.PREFIX}{name}"] == simulator[f"SANDBOX_PAYPAL_{name}"]
        assert payment[f"{paypal.PREFIX}API_BASE"] == f"{one.sandbox_url}/paypal"
        assert payment[f"{paypal.PREFIX}CERT_URL_BASE"] == f"{one.sandbox_url}/paypal"
        assert simulator["SANDBOX_PAYPAL_WEBHOOK_URL"] == f"{one.edge_url}/v1/webhooks/paypal"
        assert not any(ours.values())
        strange = told(other)["payment_svc"]
        for name in ("CLIENT_SECRET", "WEBHOOK_ID"):
            assert payment[f"{paypal.PREFIX}{name}"] != strange[f"{paypal.PREFIX}{name}"]
        assert payment[f"{paypal.PREFIX}CLIENT_SECRET"] not in repr(one.data.secrets)


def test_paypal_of_the_environment_takes_the_place_of_the_sandboxs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    with laid_out() as site:
        ours = told(site)
        assert ours.pop("payment_svc") == OUTSIDE
        assert not any(ours.values())


def test_without_sandbox_and_settings_there_is_no_paypal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONXPAY_STRIPE_API_KEY", "sk_test_real")
    with laid_out() as site:
        assert not any(told(site).values())
