"""API keys, as a merchant's people make, change and see them."""

from __future__ import annotations

import re
from collections.abc import Callable

from fusionx.identity.v1 import identity_pb2

from tests.support.console import Browser, Console, shown_secrets
from tests.support.merchant.api import Merchant

REQUIRED = identity_pb2.ApiKey.REQUIRED


def test_who_rotates_a_signed_key_gets_both_of_its_secrets(
    console: Console, new_merchant: Callable[..., Merchant]
) -> None:
    merchant = new_merchant(signature=REQUIRED)
    owner = console.owner(merchant.merchant_id)
    secret, signing = shown_secrets(owner.post(f"/keys/{merchant.api_key_id}", verb="rotate"))
    assert secret.startswith("sk_test_")
    assert re.fullmatch(r"sig_[\w-]{43}", signing)
    assert signing != merchant.signing_secret
    page = owner.page("/keys")
    assert secret not in page
    assert signing not in page


def test_a_key_that_signs_nothing_has_one_secret(owner: Browser) -> None:
    assert len(shown_secrets(owner.post("/keys", scopes="orders:read"))) == 1
