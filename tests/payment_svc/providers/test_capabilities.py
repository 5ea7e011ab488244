"""What each provider can do, written out: routing, holds and what is asked again rest on it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from payment_svc.domain.refund import GivenBack, RefundSnapshot, RefundStatus
from payment_svc.providers import http_client
from payment_svc.providers.bank_transfer.adapter import BankTransferProvider
from payment_svc.providers.base import Capabilities, ProviderEvent
from payment_svc.providers.paypal.adapter import PaypalProvider
from payment_svc.providers.resilience import Limits, ResilientProvider
from payment_svc.providers.stripe.adapter import StripeProvider
from tests.support.providers.paypal_api import PAYMENT

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize(
    ("provider", "can"),
    [
        (
            StripeProvider,
            Capabilities(
                True,
                r"(pm|ctoken)_\w+",
                hours(7 * 24),
                True,
                True,
                True,
                True,
                hours(24),
                works_for=hours(21 * 24),
                names_money=True,
            ),
        ),
        (
            PaypalProvider,
            Capabilities(
                True, "", hours(29 * 24), True, True, True, True, hours(5), hours(3), hours(7), hours(3), hours(240)
            ),
        ),
        (
            BankTransferProvider,
            Capabilities(True, "", None, False, True, True, False, hours(24), None, hours(0), hours(0), hours(120)),
        ),
    ],
)
def test_provider_can_do_what_is_agreed(provider: Any, can: Capabilities) -> None:
    assert provider.capabilities == can


class Bare:
    """A provider that does nothing but what all do."""

    name = "bare"


class Able(Bare):
    """A provider that does more."""

    async def owner_of(self, reference: str) -> str:
        """Return our id."""
        return f"ours of {reference}"

    async def given_back(self, *_: object) -> list[GivenBack]:
        """List what went back."""
        return [GivenBack("", RefundSnapshot("r", RefundStatus.SUCCESS))]

    async def resolve(self, event: ProviderEvent) -> ProviderEvent:
        """Return what an event is about."""
        return ProviderEvent("e", "resolved", event.reference, "", NOW)


def guarded(inner: Any) -> ResilientProvider:
    return ResilientProvider(cast(Any, inner), Limits(failures=3, open_seconds=1.0, max_calls=4))


async def test_what_a_provider_does_not_do_is_not_asked_of_it() -> None:
    named = ProviderEvent("e", "t", "x", "", NOW, object_type="charge")
    bare, able = guarded(Bare()), guarded(Able())
    assert [await one.owner_of("x") for one in (bare, able)] == ["", "ours of x"]
    assert [len(await one.given_back(PAYMENT, NOW)) for one in (bare, able)] == [0, 1]
    assert [one.lists_refunds for one in (bare, able)] == [False, True]
    assert [(await one.resolve(named)).type for one in (bare, able)] == ["t", "resolved"]
    assert (await able.resolve(ProviderEvent("e", "t", "x", "", NOW))).type == "t"


def test_certificates_of_a_file_are_trusted_and_no_others(tmp_path: Any) -> None:
    public = http_client.trusted()
    assert public.get_ca_certs()
    assert public.verify_mode == ssl.CERT_REQUIRED
    nobody = tmp_path / "nobody.pem"
    nobody.write_text("")
    with pytest.raises(ssl.SSLError):
        http_client.trusted(str(nobody))
