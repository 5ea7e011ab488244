"""Accounts of a merchant's own: whose credentials are decides whether they are the same account's."""

from __future__ import annotations

import uuid

from tests.providers.cases import proves
from tests.providers.shop import Shop


def _set(shop: Shop, credentials: dict[str, str]) -> str:
    body = {"credentials": credentials}
    answer = shop.merchant.http.put(f"/v1/provider_accounts/{shop.driver.name}", json=body)
    return str(answer.raise_for_status().json()["provider_account_id"])


@proves()
def test_other_credentials_of_the_same_account_are_the_same_account(shop: Shop) -> None:
    name = uuid.uuid4().hex[:8]
    assert _set(shop, shop.driver.account(name, "1")) == _set(shop, shop.driver.account(name, "2"))


@proves()
def test_credentials_of_another_account_are_another_account(shop: Shop) -> None:
    first, second = (shop.driver.account(uuid.uuid4().hex[:8], "1") for _ in range(2))
    made = [_set(shop, credentials) for credentials in (first, second, first)]
    assert made[0] == made[2] != made[1]
