"""A stream that is open is no way around the end of its key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from edge.storage.identities import IdentityRepository
from mesh.storage.database import Database
from stack.stack import Ready
from tests.support.merchant.api import Identities, Merchant
from tests.support.merchant.streams import PATH, reading
from tests.support.waiting import eventually

End = Callable[[Identities, Merchant], object]


def status_of(merchant: Merchant) -> int:
    """Return how a further stream is answered; one that begins goes on for as long as it is read."""
    with merchant.http.stream("GET", PATH) as answer:
        return answer.status_code


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
    eventually(lambda: status_of(merchant) == 401, "no new stream")


def test_it_ends_when_its_key_may_do_less_and_nobody_elses_does(
    gateway: Ready, identities: Identities, merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    other_key = new_merchant(merchant.merchant_id)
    with psycopg.connect(gateway.database_urls["identity"]) as database:
        # one that was just made is no changed one
        older = "UPDATE api_keys SET create_time = create_time - interval '1 hour' WHERE api_key_id = %s"
        database.execute(older, [merchant.api_key_id])
    with reading(merchant) as reader, reading(other_key) as another:
        identities.change(merchant.api_key_id, scopes=["orders:read"])
        eventually(lambda: reader.over, "the end of the stream")
        assert not another.over
    eventually(lambda: status_of(merchant) == 403, "no new stream")


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
                found = await IdentityRepository().watch(session, [valid, expires, unknown], now, 0)
                assert {one.api_key_id for one in found if not one.holds} == ended
                assert not any(one.holds for one in found)
            last, now = await IdentityRepository().last_change(session), datetime.now(UTC)
            assert await IdentityRepository().watch(session, [valid, expires], now, last) == []
            for later, changed in ((0, set()), (6, {valid})):
                found = await IdentityRepository().watch(session, [valid, unknown], now + timedelta(seconds=later), 1)
                assert {one.api_key_id for one in found if one.holds} == changed
                assert {one.api_key_id for one in found if not one.holds} == {unknown}
    finally:
        await database.close()
