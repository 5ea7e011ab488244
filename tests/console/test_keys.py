"""API keys, as a merchant's people make, change and see them."""

from __future__ import annotations

import re
from collections.abc import Callable

from fusionx.identity.v1 import identity_pb2, identity_service_pb2

from tests.support.console import Browser, Console, shown_secrets
from tests.support.merchant.api import Identities, Merchant
from tests.support.waiting import PATIENCE

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


def test_all_keys_are_listed_however_many_are_newer(owner: Browser, merchant: Merchant, identities: Identities) -> None:
    """The newest hundred are soon those of logins, which have ended."""
    made = [identities.new_key(merchant.merchant_id, scopes=["orders:read"]).api_key_id for _ in range(101)]
    identities.revoke(made[0])
    request = identity_service_pb2.ListApiKeysRequest(merchant_id=merchant.merchant_id, page_size=100)
    assert made[0] not in {key.api_key_id for key in standing(identities, request)}
    expected = {merchant.api_key_id, *made[1:]}
    assert set(re.findall(r"/keys/([\w-]{36})", owner.page("/keys"))) == expected
    assert set(re.findall(r"^([\w-]{36}),", owner.get("/export/keys").text, re.MULTILINE)) == expected


def standing(identities: Identities, request: identity_service_pb2.ListApiKeysRequest) -> list[identity_pb2.ApiKey]:
    """Return the keys of a merchant that were not revoked, of all pages."""
    request.without_revoked = True
    found: list[identity_pb2.ApiKey] = []
    while True:
        page = identities.stub.ListApiKeys(request, timeout=PATIENCE)
        assert not any(key.HasField("revoke_time") for key in page.api_keys)
        found += page.api_keys
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
