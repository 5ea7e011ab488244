"""Stripe's keys tell their mode: one of the other mode is not taken."""

from __future__ import annotations

import pytest

from payment_svc.providers.stripe.registration import _is_of_mode


@pytest.mark.parametrize(
    ("key", "mode", "is_of_it"),
    [
        ("sk_live_1", "live", True),
        ("rk_live_1", "live", True),
        ("sk_test_1", "test", True),
        ("sk_live_1", "test", False),
        ("rk_live_1", "test", False),
        ("sk_test_1", "live", False),
        ("rk_test_1", "live", False),
    ],
)
def test_key_is_of_the_mode_that_it_tells(key: str, mode: str, is_of_it: bool) -> None:
    assert _is_of_mode(key, mode) is is_of_it
