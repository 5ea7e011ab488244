"""Where webhooks may come from."""

from __future__ import annotations

import pytest

from payment_svc.domain.webhook_allowlist import WebhookAllowlist

SOURCES = WebhookAllowlist("stripe=3.18.12.63, 3.130.192.0/24 ; paypal=2001:db8::/32")


@pytest.mark.parametrize(
    ("provider", "client", "allowed"),
    [
        ("stripe", "3.18.12.63", True),
        ("stripe", "3.130.192.231", True),
        ("stripe", "::ffff:3.18.12.63", True),
        ("stripe", "3.18.12.64", False),
        ("stripe", "", False),
        ("stripe", "somewhere", False),
        ("paypal", "2001:db8::1", True),
        ("paypal", "3.18.12.63", False),
        ("bank_transfer", "198.51.100.1", True),
    ],
)
def test_address_is_held_against_the_providers_own_networks(provider: str, client: str, allowed: bool) -> None:
    assert SOURCES.allow(provider, client) is allowed


@pytest.mark.parametrize("setting", ["stripe", "stripe=", "stripe=not-an-address", "stripe=10.0.0.1/8"])
def test_setting_that_cannot_be_read_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        WebhookAllowlist(setting)
