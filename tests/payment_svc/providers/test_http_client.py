"""Where the calls to providers go: to the provider, or through the one proxy that the settings name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from mesh.ids import utc_now
from payment_svc.providers.bank_transfer.adapter import BankTransferProvider
from payment_svc.providers.base import Provider, ProviderError, SignatureInvalidError
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.registration import Connection
from payment_svc.providers.stripe.adapter import StripeProvider
from payment_svc.settings import settings_class
from tests.support.net.scripted import Answer, nobody, scripted
from tests.support.providers.paypal_api import PAYMENT
from tests.support.providers.paypal_certificates import BODY, headers

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
Make = Callable[[str, str], Provider]
PROVIDERS: dict[str, Make] = {
    "stripe": lambda url, proxy: StripeProvider("sk_test_x", ["x"], url, timeout=5, max_calls=10, proxy=proxy),
    "paypal": lambda url, proxy: PaypalProvider(_access(url), timeout=5, max_calls=10, proxy=proxy),
    "bank_transfer": lambda url, proxy: BankTransferProvider("key", url, ["x"], ["x"], timeout=5, proxy=proxy),
}


def _access(url: str) -> Access:
    return Access("client", "secret", "WH1", api_base=url, cert_url_base=url)


async def _call(provider: Provider) -> None:
    with contextlib.suppress(ProviderError):
        await provider.fetch(replace(PAYMENT, provider=provider.name, payment_method="pm_card_visa"))
    await provider.close()


@pytest.mark.parametrize("name", PROVIDERS)
async def test_proxy_of_the_environment_sees_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(Answer(500)) as provider, scripted(Answer(500)) as proxy:
        for variable in VARIABLES:
            monkeypatch.setenv(variable, proxy.url)
        await _call(PROVIDERS[name](provider.url, ""))
        assert (bool(provider.asked), bool(proxy.asked)) == (True, False)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_proxy_of_the_settings_is_gone_through(name: str) -> None:
    async with scripted(Answer(500)) as proxy:
        # whatever the provider's address is: only the proxy is connected to
        await _call(PROVIDERS[name](nobody(), proxy.url))
        assert proxy.asked


@pytest.mark.parametrize("by_settings", [True, False])
async def test_certificates_are_fetched_the_same_way(by_settings: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(Answer(404)) as provider, scripted(Answer(404)) as proxy:
        for variable in VARIABLES:
            monkeypatch.setenv(variable, proxy.url)
        paypal = PROVIDERS["paypal"](provider.url, proxy.url if by_settings else "")
        url, now = f"{provider.url}/v1/notifications/certs/CERT-1", utc_now()
        with pytest.raises(SignatureInvalidError, match="no such certificate"):
            await paypal.verify(BODY, headers(cert_url=url, at=now), now)
        await paypal.close()
        assert (bool(provider.asked), bool(proxy.asked)) == (not by_settings, by_settings)


def test_settings_name_one_proxy_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DATABASE_URL": "postgresql://x/y", "ORDER_TARGET": "x:1"}.items():
        monkeypatch.setenv(f"FUSIONXPAY_{name}", value)
    assert _connection().proxy == ""
    monkeypatch.setenv("FUSIONXPAY_PROVIDER_PROXY", "http://user:hush@proxy.example:3128")
    assert _connection().proxy == "http://user:hush@proxy.example:3128"


def _connection() -> Connection:
    connection: Connection = settings_class()().provider_connection
    return connection
