"""Every statement about merchants' accounts means one row, in its state, and no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mesh.storage.database import Database, Session
from mesh.vault import Sealed
from payment_svc.domain.account import Account
from payment_svc.domain.operation import Operation, OperationStatus
from payment_svc.domain.payment import PaymentStatus, first_attempt
from payment_svc.domain.refund import Refund, RefundStatus
from payment_svc.storage.accounts import AccountRepository, StoredAccount
from payment_svc.storage.refunds import RefundRepository
from tests.payment_svc.storage.test_operation_rows import of as operation_of
from tests.payment_svc.storage.test_operation_rows import put as put_operations
from tests.payment_svc.storage.test_refund_rows import of as refund_of
from tests.support.databases.simulated import Store
from tests.support.payment_rows import payment_of, store_payments
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NAMES, NOW, Watch, ids

REPOSITORY = AccountRepository()
SEALED = Sealed(b"key", b"secret")
ACCOUNT = Account(MINE, MINE, "stripe", "live", ("secret_key",), 1, NOW, NOW, None, "acct")


def of(key: UUID, **changes: Any) -> StoredAccount:
    """Return the account of a row, of a merchant of the same number."""
    return StoredAccount(replace(ACCOUNT, **{"account_id": key, "merchant_id": key} | changes), SEALED)


async def put(session: Session, *accounts: StoredAccount) -> None:
    for one in accounts:
        await REPOSITORY.insert(session, one)


CHANGES: dict[str, Callable[[Session], Awaitable[object]]] = {
    "replace": lambda s: REPOSITORY.replace(s, of(MINE, identity="other")),
    "retire": lambda s: REPOSITORY.retire(s, of(MINE).account, NOW),
    "learn": lambda s: REPOSITORY.learn(s, of(MINE).account, "other"),
    "delete": lambda s: REPOSITORY.delete(s, MINE, "stripe", NOW),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_account_is_changed(database: Database, store: Store, change: str) -> None:
    async with database.session() as session:
        await put(session, *map(of, ids))
        with Watch(store, "provider_accounts", "account_id") as watch:
            await CHANGES[change](session)
    assert watch.changed == {MINE}


async def test_one_account_is_read_as_it_was_stored(database: Database) -> None:
    async with database.session() as session:
        await put(session, *map(of, ids))
        assert (await REPOSITORY.those(session, [MINE]))[MINE] == of(MINE)
        assert await REPOSITORY.in_use(session, MINE, "stripe") == of(MINE)
        assert await REPOSITORY.of_merchant(session, MINE) == [of(MINE)]
        for provider in ("paypal", "zpay"):
            assert await REPOSITORY.in_use(session, MINE, provider) is None
            assert await REPOSITORY.delete(session, MINE, provider, NOW) is None


async def test_new_credentials_are_another_version_that_is_in_use(database: Database) -> None:
    async with database.session() as session:
        await put(session, of(MINE))
        gone = await REPOSITORY.delete(session, MINE, "stripe", NOW)
        assert gone == replace(ACCOUNT, delete_time=NOW)
        assert await REPOSITORY.in_use(session, MINE, "stripe") is None
        assert await REPOSITORY.of_merchant(session, MINE) == []
        assert await REPOSITORY.delete(session, MINE, "stripe", NOW + MOMENT) == gone
        assert await REPOSITORY.replace(session, of(MINE, identity="b")) == replace(ACCOUNT, version=2, identity="b")
        assert await REPOSITORY.in_use(session, MINE, "stripe") == of(MINE, version=2, identity="b")


async def test_retired_account_is_known_by_its_identity(database: Database) -> None:
    async with database.session() as session:
        await put(session, of(MINE, identity=""))
        await REPOSITORY.retire(session, of(MINE).account, NOW)
        assert await REPOSITORY.of_identity(session, MINE, "stripe", "acct") == replace(ACCOUNT, delete_time=NOW)


async def test_account_is_found_by_its_identity(database: Database) -> None:
    async with database.session() as session:
        await put(session, *(of(one, identity=NAMES[one]) for one in ids))
        found = [await REPOSITORY.of_identity(session, MINE, "stripe", NAMES[one]) for one in ids]
        assert found == [None, of(MINE, identity=NAMES[MINE]).account, None]
        for merchant, provider in ((BEFORE, "stripe"), (AFTER, "stripe"), (MINE, "paypal"), (MINE, "zpay")):
            assert await REPOSITORY.of_identity(session, merchant, provider, NAMES[MINE]) is None


async def test_newest_account_of_an_identity_is_the_one(database: Database) -> None:
    async with database.session() as session:
        for key in (BEFORE, AFTER, MINE):
            await put(session, of(key, merchant_id=MINE))
            await REPOSITORY.delete(session, MINE, "stripe", NOW)
        found = await REPOSITORY.of_identity(session, MINE, "stripe", "acct")
    assert found
    assert found.account_id == AFTER


@pytest.mark.parametrize("known", [0, 2])
async def test_identity_is_that_of_the_credentials_that_told_it(database: Database, store: Store, known: int) -> None:
    """The version before sets credentials and leaves the name of those before them."""
    async with database.session() as session:
        await put(session, of(MINE))
        store.look.execute("UPDATE provider_accounts SET identity_version = %s", [known])
        assert (await REPOSITORY.those(session, [MINE]))[MINE] == of(MINE, identity="")
        assert await REPOSITORY.of_identity(session, MINE, "stripe", "acct") is None
        assert await REPOSITORY.unknown(session, UUID(int=0), 9) == [of(MINE, identity="")]
        for version in (0, 2):
            await REPOSITORY.learn(session, of(MINE, version=version).account, "other")
        assert (await REPOSITORY.those(session, [MINE]))[MINE] == of(MINE, identity="")
        await REPOSITORY.learn(session, of(MINE).account, "other")
        assert (await REPOSITORY.those(session, [MINE]))[MINE] == of(MINE, identity="other")


async def test_accounts_of_nobody_known_are_listed_from_one_on(database: Database, store: Store) -> None:
    async with database.session() as session:
        await put(session, *map(of, reversed(ids)), of(UUID(int=99)))
        store.look.execute("UPDATE provider_accounts SET identity = NULL WHERE account_id <> %s", [UUID(int=99)])
        found = [await REPOSITORY.unknown(session, after, limit) for after, limit in ((UUID(int=0), 2), (MINE, 2))]
    assert [[one.account.account_id for one in some] for some in found] == [[BEFORE, MINE], [AFTER]]


async def test_accounts_are_listed_by_their_providers_names(database: Database) -> None:
    names = {MINE: "stripe", AFTER: "adyen", BEFORE: "paypal"}
    async with database.session() as session:
        await put(session, *(of(key, merchant_id=MINE, provider=name) for key, name in names.items()))
        assert [one.account.account_id for one in await REPOSITORY.of_merchant(session, MINE)] == [AFTER, BEFORE, MINE]


async def test_accounts_that_were_in_use_after_a_moment(database: Database) -> None:
    async with database.session() as session:
        for key, ago in {AFTER: 2, MINE: 1, BEFORE: 0}.items():
            await put(session, of(key, merchant_id=MINE))
            await REPOSITORY.delete(session, MINE, "stripe", NOW - ago * MOMENT)
        await put(session, of(UUID(int=5), merchant_id=MINE))
        found = await REPOSITORY.retired_since(session, MINE, NOW - 2 * MOMENT)
        assert [one.account.account_id for one in found] == [MINE, BEFORE]
        assert [await REPOSITORY.retired_since(session, one, NOW - timedelta(days=1)) for one in (BEFORE, AFTER)] == [
            [],
            [],
        ]


AT = (replace(first_attempt("stripe", NOW, MINE), number=1),)
TWICE = (*AT, replace(first_attempt("stripe", NOW, None), number=2))


@pytest.mark.parametrize(
    ("payment", "beside", "is_open"),
    [
        ({"status": PaymentStatus.PROCESSING, "attempts": AT}, None, True),
        ({"status": PaymentStatus.SUCCESS, "captured": 1200, "attempts": AT}, None, False),
        ({"status": PaymentStatus.PROCESSING, "attempts": AT, "merchant_id": BEFORE}, None, False),
        ({"status": PaymentStatus.PROCESSING, "attempts": AT, "merchant_id": AFTER}, None, False),
        *(
            ({"status": PaymentStatus.PROCESSING, "attempts": (replace(AT[0], account_id=other),)}, None, False)
            for other in (BEFORE, AFTER, None)
        ),
        ({"status": PaymentStatus.FAILED, "attempts": TWICE}, operation_of(MINE), True),
        ({"status": PaymentStatus.FAILED, "attempts": TWICE}, operation_of(MINE, attempt=2), False),
        ({"status": PaymentStatus.FAILED, "attempts": TWICE}, operation_of(MINE, attempt=0), False),
        ({"status": PaymentStatus.FAILED, "attempts": TWICE}, operation_of(MINE, status=OperationStatus.DONE), False),
        ({"status": PaymentStatus.FAILED, "attempts": TWICE}, operation_of(MINE, payment_id=BEFORE), False),
        ({"status": PaymentStatus.FAILED, "attempts": TWICE}, operation_of(MINE, payment_id=AFTER), False),
        ({"status": PaymentStatus.FAILED, "attempts": AT}, refund_of(MINE), True),
        ({"status": PaymentStatus.FAILED, "attempts": AT}, refund_of(MINE, status=RefundStatus.SUCCESS), False),
        ({"status": PaymentStatus.FAILED, "attempts": AT}, refund_of(MINE, payment_id=AFTER), False),
        ({"status": PaymentStatus.FAILED, "attempts": AT}, refund_of(MINE, payment_id=BEFORE), False),
    ],
)
async def test_account_has_something_open_or_not(
    database: Database, payment: dict[str, Any], beside: Operation | Refund | None, is_open: bool
) -> None:
    async with database.session() as session:
        await store_payments(session, payment_of(MINE, **payment))
        if isinstance(beside, Operation):
            await put_operations(session, beside)
        elif beside:
            await RefundRepository().insert(session, beside, timedelta(hours=1))
        assert await REPOSITORY.has_open(session, ACCOUNT) is is_open
