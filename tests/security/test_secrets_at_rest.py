"""What the vault is told of a row when its secret is sealed is what the row itself says later."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fusionx.identity.v1 import identity_pb2

from edge.domain import owner_of as owner_of_key
from edge.storage.identities import SECRETS as OF_KEYS
from mesh.storage.database import Database
from mesh.storage.resealing import SealedColumn
from payment_svc.storage.accounts import SECRETS as OF_ACCOUNTS
from stack.stack import Ready
from tests.support.merchant.api import Merchant


async def owners(url: str, column: SealedColumn, after: UUID) -> dict[UUID, str]:
    """Return the owners of the sealed rows that come next, by their ids."""
    database = Database(url, 1)
    await database.open()
    try:
        async with database.session() as session:
            return {row.id: row.owner for row in await session.all(column.page, after=after)}
    finally:
        await database.close()


async def test_signing_secrets(gateway: Ready, new_merchant: Callable[..., Merchant]) -> None:
    merchant = new_merchant(signature=identity_pb2.ApiKey.REQUIRED)
    key = UUID(merchant.api_key_id)
    found = await owners(gateway.database_urls["identity"], OF_KEYS[0], UUID(int=key.int - 1))
    assert found[key] == owner_of_key(UUID(merchant.merchant_id), key)


async def test_credentials_of_accounts(gateway: Ready, merchant: Merchant) -> None:
    body = {"credentials": {"api_key": "sk_test_acct_x", "webhook_secret": "whsec_x"}}
    account = merchant.http.put("/v1/provider_accounts/stripe", json=body).raise_for_status().json()
    number = UUID(account["provider_account_id"])
    found = await owners(gateway.database_urls["payments"], OF_ACCOUNTS[0], UUID(int=number.int - 1))
    assert found[number] == f"account/{merchant.merchant_id}/stripe/test"
