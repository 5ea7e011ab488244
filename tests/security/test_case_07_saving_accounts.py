"""Case 7: saving an account of one's own holds up nobody else's requests."""

from __future__ import annotations

import time

import pytest

from payment_svc.providers.registration import Connection
from payment_svc.providers.registry import Registry, discover
from payment_svc.providers.resilience import Limits

CREDENTIALS = {
    "stripe": {"api_key": "sk_test_x", "webhook_secret": "whsec_x"},
    "paypal": dict.fromkeys(discover()["paypal"].credentials, "x"),
}
TIMES = 20
SECONDS = 0.005
"""Processor time that one may take: reading the trusted certificates alone takes four times as much."""


@pytest.mark.parametrize("name", CREDENTIALS)
async def test_provider_of_an_account_is_made_at_once(name: str) -> None:
    settings = {name: one.settings() for name, one in discover().items()}
    registry = Registry(settings, "test", Connection(1.0, 10), Limits(1, 1.0, 10, seconds=1.0))
    await registry.make(name, CREDENTIALS[name], "test").close()
    started = time.process_time()
    for _ in range(TIMES):
        await registry.make(name, CREDENTIALS[name], "test").close()
    assert (time.process_time() - started) / TIMES < SECONDS
