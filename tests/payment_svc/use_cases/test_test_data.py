"""Whose data a test clock moves, and what a registration reads of settings: test keys alone, secrets in full."""

from __future__ import annotations

import uuid

import pytest
from pydantic import SecretStr

from mesh.errors import ApiError
from payment_svc.domain.account import Tenant
from payment_svc.providers import registration
from payment_svc.use_cases.recovery import test_clocks as module

MERCHANT = uuid.UUID(int=2)


@pytest.mark.parametrize(("mode", "moves"), [("test", True), ("live", False), ("zest", False), ("", False)])
def test_only_test_data_is_moved(mode: str, moves: bool) -> None:
    if moves:
        assert module._of_tests(Tenant(MERCHANT, mode)) == MERCHANT
        return
    with pytest.raises(ApiError) as refused:
        module._of_tests(Tenant(MERCHANT, mode))
    assert refused.value.reason == "TEST_MODE_ONLY"


@pytest.mark.parametrize("value", ["sk_1", SecretStr("sk_1")])
def test_setting_is_read_in_full(value: str | SecretStr) -> None:
    assert registration._plain(value) == "sk_1"
