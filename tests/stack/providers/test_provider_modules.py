"""A provider is its module to the stack: one that only the tests have is set up with no edit elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.golive.settings import Settings, examine
from stack import providers
from stack.services import forked_modules, sandbox
from stack.stack import Stack
from tests.support.paths import ROOT
from tests.support.stack.layouts import given, laid_out

FOURTH = Path(__file__).parent / "fourth"
PREFIX = "FUSIONXPAY_VOUCHERS_"


@pytest.fixture(autouse=True)
def fourth(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more module in `stack/providers`."""
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(FOURTH)])


def test_module_gives_its_settings_to_the_payment_service_and_to_the_sandbox() -> None:
    with laid_out() as site:
        told = given(site, PREFIX)
        assert told.pop("payment_svc") == {
            f"{PREFIX}WEBHOOK_SECRET": "made once",
            f"{PREFIX}API_BASE": site.sandbox_url,
        }
        assert not any(told.values())
        simulator = sandbox(site)._command.env
        assert simulator is not None
        assert simulator["SANDBOX_VOUCHERS_WEBHOOK_SECRET"] == "made once"
        assert "payment_svc.providers.vouchers" in forked_modules(site.embedded)
        assert providers.webhook_secrets(site)["vouchers"] == "made once"


def test_real_account_of_the_environment_takes_the_place_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}ISSUER", "a real one")
    monkeypatch.setenv(f"{PREFIX}WEBHOOK_SECRET", "agreed")
    with Stack(components=["sandbox"]) as stack:
        assert stack.ready.pids == {}
        assert stack.ready.sandbox_url == ""
        assert stack.ready.webhook_secrets["vouchers"] == "agreed"
    with laid_out() as site:
        told = given(site, PREFIX)
        assert told.pop("payment_svc") == {f"{PREFIX}ISSUER": "a real one", f"{PREFIX}WEBHOOK_SECRET": "agreed"}
        assert not any(told.values())


def test_module_is_examined_before_real_money_is_taken() -> None:
    def said(**variables: str) -> set[str]:
        return {one.words for one in examine(Settings(variables)) if "VOUCHERS" in one.words or "vouchers" in one.words}

    assert said() == set()
    assert said(FUSIONXPAY_VOUCHERS_ISSUER="nobody") == {"FUSIONXPAY_VOUCHERS_ISSUER is the simulator's"}
    assert said(FUSIONXPAY_VOUCHERS_ISSUER="mine") == {"vouchers has a key for tests"}
    assert said(FUSIONXPAY_VOUCHERS_ISSUER="issuer_x") == {"vouchers has no webhook of its own"}
    real = {"FUSIONXPAY_VOUCHERS_ISSUER": "issuer_x", "FUSIONXPAY_VOUCHERS_WEBHOOK_SECRET": "agreed"}
    assert said(**real) == {"vouchers has live credentials and a webhook"}
    assert "FUSIONXPAY_VOUCHERS_API_BASE leads elsewhere: http://x" in said(
        **real, FUSIONXPAY_VOUCHERS_API_BASE="http://x"
    )


@pytest.mark.parametrize("name", ["stripe", "paypal", "bank_transfer"])
def test_credentials_of_the_simulator_are_those_that_the_document_publishes(name: str) -> None:
    published = (ROOT / "docs" / "sandbox.md").read_text()
    account = providers.discover()[name].ACCOUNT
    assert all(f"`{value}`" in published for value in account.credentials.values())
    prefix = providers.discover()[name].PREFIX.removeprefix("FUSIONXPAY_")
    assert all(setting.startswith(prefix) for setting in (*account.credentials, *account.addresses))


@pytest.mark.parametrize("name", ["paypal", "bank_transfer"])
def test_without_sandbox_and_settings_a_provider_is_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("FUSIONXPAY_STRIPE_API_KEY", "sk_test_real")
    with laid_out() as site:
        assert not any(given(site, providers.discover()[name].PREFIX).values())
