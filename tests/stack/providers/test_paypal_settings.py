"""Which PayPal a stack talks to, and who is told its secrets."""

from __future__ import annotations

import pytest

from stack.providers import paypal
from tests.support.stack.layouts import given, laid_out

OUTSIDE = {
    f"{paypal.PREFIX}CLIENT_ID": "real-client",
    f"{paypal.PREFIX}CLIENT_SECRET": "real-secret",
    f"{paypal.PREFIX}WEBHOOK_ID": "WHREAL",
    f"{paypal.PREFIX}API_BASE": "https://api-m.sandbox.paypal.com",
}


def test_sandbox_plays_paypal_with_secrets_of_this_stack_that_no_other_service_has() -> None:
    with laid_out() as one, laid_out() as other:
        ours, simulator = given(one, paypal.PREFIX), paypal.sandbox_settings(one)
        payment = ours.pop("payment_svc")
        for name in ("CLIENT_ID", "CLIENT_SECRET", "WEBHOOK_ID", "CA_FILE"):
            assert payment[f"{paypal.PREFIX}{name}"] == simulator[f"SANDBOX_PAYPAL_{name}"]
        assert payment[f"{paypal.PREFIX}API_BASE"] == f"{one.sandbox_url}/paypal"
        assert payment[f"{paypal.PREFIX}CERT_URL_BASE"] == f"{one.sandbox_url}/paypal"
        assert simulator["SANDBOX_PAYPAL_WEBHOOK_URL"] == f"{one.edge_url}/v1/webhooks/paypal"
        assert not any(ours.values())
        strange = given(other, paypal.PREFIX)["payment_svc"]
        for name in ("CLIENT_SECRET", "WEBHOOK_ID"):
            assert payment[f"{paypal.PREFIX}{name}"] != strange[f"{paypal.PREFIX}{name}"]
        assert payment[f"{paypal.PREFIX}CLIENT_SECRET"] not in repr(one.data.secrets)


def test_paypal_of_the_environment_takes_the_place_of_the_sandboxs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    with laid_out() as site:
        ours = given(site, paypal.PREFIX)
        assert ours.pop("payment_svc") == OUTSIDE
        assert not any(ours.values())
