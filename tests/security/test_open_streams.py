"""A stream that is open is no way around the end of its key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from edge.storage.identities import IdentityRepository
from mesh.storage.database import Database
from stack.stack import Ready
from tests.support.merchant.api import Identities, Merchant
from tests.support.merchant.streams import PATH, reading
from tests.support.waiting import eventually

End = Callable[[Identities, Merchant], object]


@pytest.mark.parametrize(
    "end",
    [
        lambda identities, one: identities.revoke(one.api_key_id),
        lambda identities, one: identities.rotate(one.api_key_id),
    ],
    ids=["revoked", "replaced"],
)
def test_it_ends_with_the_key(
    end: End, identities: Identities, merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    other_key = new_merchant(merchant.merchant_id)
    with reading(merchant) as reader, reading(other_key) as another:
        end(identities, merchant)
        eventually(lambda: reader.over, "the end of the stream")
        assert not another.over
    # the edge may remember the key for as long as its bound (docs/authentication.md), and the stream ends before
    eventually(lambda: merchant.http.get(PATH).status_code == 401, "no new stream")


def test_it_ends_with_the_merchant(identities: Identities, merchant: Merchant) -> None:
    with reading(merchant) as reader:
        identities.disable(merchant.merchant_id)
        eventually(lambda: reader.over, "the end of the stream")


async def test_which_keys_have_ended(gateway: Ready, merchant: Merchant, new_merchant: Callable[..., Merchant]) -> None:
    expiring = new_merchant(expire_time=datetime.now(UTC) + timedelta(hours=1))
    valid, expires, unknown = UUID(merchant.api_key_id), UUID(expiring.api_key_id), uuid4()
    database = Database(gateway.database_urls["identity"], 1)
    await database.open()
    try:
        async with database.session() as session:
            for later, ended in ((0, {unknown}), (2, {expires, unknown})):
                now = datetime.now(UTC) + timedelta(hours=later)
                found = await IdentityRepository().ended_keys(session, [valid, expires, unknown], now)
                assert set(found) == ended
    finally:
        await database.close()
