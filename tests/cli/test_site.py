"""Which PayPal a stack talks to, and who is told its secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.ports import Ports
from cli.services import OUR_SERVICES, sandbox_env
from cli.settings import StackSettings
from cli.site import COMPONENTS, Site, lay_out
from cli.state import DataDir

REAL = {
    "FUSIONXPAY_PAYPAL_CLIENT_ID": "real-client",
    "FUSIONXPAY_PAYPAL_CLIENT_SECRET": "real-secret",
    "FUSIONXPAY_PAYPAL_WEBHOOK_ID": "WHREAL",
    "FUSIONXPAY_PAYPAL_API_BASE": "https://api-m.sandbox.paypal.com",
}


@contextmanager
def laid_out() -> Iterator[Site]:
    """Lay a whole stack out, without starting it."""
    with DataDir(None) as data, Ports() as ports:
        yield lay_out(StackSettings(), frozenset(COMPONENTS), data, ports)


def paypal_settings(site: Site, service: str) -> dict[str, str]:
    """Return what a service is told of PayPal."""
    [found] = [one for one in OUR_SERVICES if one.name == service]
    return {name: value for name, value in found.env(site).items() if "PAYPAL" in name}


def test_sandbox_plays_paypal_with_a_secret_of_this_stack_alone():
    with laid_out() as one, laid_out() as other:
        told, simulator = paypal_settings(one, "payment_svc"), sandbox_env(one)
        assert told["FUSIONXPAY_PAYPAL_CLIENT_SECRET"] == simulator["SANDBOX_PAYPAL_CLIENT_SECRET"]
        assert told["FUSIONXPAY_PAYPAL_WEBHOOK_ID"] == simulator["SANDBOX_PAYPAL_WEBHOOK_ID"]
        assert told["FUSIONXPAY_PAYPAL_CA_FILE"] == simulator["SANDBOX_PAYPAL_CA_FILE"]
        assert told["FUSIONXPAY_PAYPAL_API_BASE"] == f"{one.sandbox_url}/paypal"
        assert simulator["SANDBOX_PAYPAL_WEBHOOK_URL"] == f"{one.edge_url}/v1/webhooks/paypal"
        assert told["FUSIONXPAY_PAYPAL_CLIENT_SECRET"] not in repr(one)
        strange = paypal_settings(other, "payment_svc")
        for name in ("FUSIONXPAY_PAYPAL_CLIENT_SECRET", "FUSIONXPAY_PAYPAL_WEBHOOK_ID"):
            assert told[name] != strange[name]


def test_real_paypal_takes_the_place_of_the_simulated_one(monkeypatch: pytest.MonkeyPatch):
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    with laid_out() as site:
        assert paypal_settings(site, "payment_svc") == REAL
        assert not [name for name in sandbox_env(site) if name.startswith("SANDBOX_PAYPAL_")]


def test_paypals_secret_is_told_to_nobody_else(monkeypatch: pytest.MonkeyPatch):
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    with laid_out() as site:
        for service in ("order_svc", "notify_svc", "edge"):
            assert paypal_settings(site, service) == {}


def test_paypal_is_off_where_there_is_no_sandbox_and_no_client(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FUSIONXPAY_STRIPE_API_KEY", "sk_test_real")
    with laid_out() as site:
        assert site.sandbox_url == ""
        assert paypal_settings(site, "payment_svc") == {}
