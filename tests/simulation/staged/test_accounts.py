"""A merchant's own account, staged: other credentials never send to another account what one has been asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from fusionx.payment.v1 import payment_pb2, payment_service_pb2

from mesh.errors import ApiError
from tests.simulation.adapter import Trip
from tests.simulation.keeper import AccountKeeper
from tests.simulation.schedule import Runner
from tests.simulation.staged.scene import Scene, stage
from tests.simulation.world import Profile

FORGET = "UPDATE provider_accounts SET identity = NULL, identity_version = NULL"
"""What the version before leaves: nobody was asked whose account it is."""
SET_BEFORE = "UPDATE provider_accounts SET version = version + 1, update_time = db_now()"
"""What the version before does to a row whose account is known."""


OPEN = (
    "SELECT (SELECT count(*) FROM operations WHERE next_try_time IS NOT NULL)"
    " + (SELECT count(*) FROM refunds WHERE status = 'PENDING')"
)


async def unanswered(scene: Scene, operation: str) -> payment_pb2.Payment:
    """Return a payment of which something has been done that nobody has heard of."""
    scene.trip(operation, lambda: Trip(is_answer_lost=True))
    scene.world.profile = Profile("staged", chances={"event_never_sent": 1.0})
    store = scene.world.stores["payments"]
    payment = None if operation == "start" else await scene.pay(manual=operation == "capture")
    scene.world.spawn(_ask(scene, operation, payment))
    # it is carried out within half a second, and given up after eight
    await asyncio.sleep(3)
    assert store.count(OPEN) == 1
    (row,) = store.rows("SELECT payment_id FROM payments")
    return payment or await scene.shop._get(str(row.payment_id))


async def _ask(scene: Scene, operation: str, payment: payment_pb2.Payment | None) -> None:
    with suppress(ApiError):
        if payment is None:
            await scene.pay()
        elif operation == "capture":
            request: Any = payment_service_pb2.CapturePaymentRequest(payment_id=payment.payment_id)
            await scene.shop._once("CapturePayment", request, "payments", "payments")
        else:
            await scene.refund(payment)


@pytest.mark.parametrize("operation", ["start", "capture", "refund"])
@pytest.mark.parametrize("before", ["", FORGET, SET_BEFORE])
def test_what_has_no_answer_is_asked_again_where_it_was_asked(runner: Runner, operation: str, before: str) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        first = await keeper.set("a-1")
        payment = await unanswered(scene, operation)
        if before:
            scene.world.stores["payments"].look.execute(before)
        second = await keeper.set("b-1")
        assert second not in ("", first)
        await asyncio.sleep(600)
        (thing,) = scene.things(payment)
        assert thing.captured == 1200
        assert scene.refunds() == ([("SUCCESS", 1200)] if operation == "refund" else [])
        assert (await scene.shop._get(payment.payment_id)).status == payment_pb2.Payment.SUCCESS
        # whoever comes back is the same
        assert await keeper.set("a-2") == first

    stage(runner, play)


@pytest.mark.parametrize("before", ["", FORGET, SET_BEFORE])
def test_new_key_of_the_same_account_takes_over_what_is_open(runner: Runner, before: str) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        first = await keeper.set("a-1")
        payment = await unanswered(scene, "start")
        if before:
            scene.world.stores["payments"].look.execute(before)
        assert await keeper.set("a-2") == first
        scene.world.account("stripe", "a1-1").revoked.add("a1-1")
        await asyncio.sleep(600)
        (thing,) = scene.things(payment)
        assert thing.captured == 1200
        assert (await scene.shop._get(payment.payment_id)).status == payment_pb2.Payment.SUCCESS

    stage(runner, play)


def test_key_that_was_revoked_tells_nothing_and_what_is_open_waits(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        first = await keeper.set("a-1")
        await unanswered(scene, "start")
        store = scene.world.stores["payments"]
        store.look.execute(FORGET)
        account = scene.world.account("stripe", "a1-1")
        account.revoked.add("a1-1")
        assert await keeper.set("a-2") == ""
        (row,) = store.rows("SELECT * FROM provider_accounts")
        assert (str(row.account_id), row.version, row.delete_time) == (first, 1, None)

        account.revoked.clear()
        await asyncio.sleep(600)
        assert store.count(OPEN) == 0
        account.revoked.add("a1-1")
        assert await keeper.set("a-2") not in ("", first)

    stage(runner, play)


def test_payment_that_waits_keeps_its_account_when_nobody_can_tell_whose_the_key_was(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        first = await keeper.set("a-1")
        await scene.pay(manual=True)
        store = scene.world.stores["payments"]
        assert store.count(OPEN) == 0
        store.look.execute(FORGET)
        scene.world.account("stripe", "a1-1").revoked.add("a1-1")
        assert await keeper.set("a-2") == ""
        (row,) = store.rows("SELECT * FROM provider_accounts")
        assert (str(row.account_id), row.version, row.delete_time) == (first, 1, None)
        # but the merchant can
        assert await keeper.set("a-2", is_same=True) == first
        (row,) = store.rows("SELECT * FROM provider_accounts")
        assert (row.identity, row.version) == ("stripe-a1", 2)

    stage(runner, play)


def test_what_is_known_of_accounts_is_not_talked_away(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        first = await keeper.set("a-1")
        assert await keeper.set("b-1", is_same=True) == ""
        second = await keeper.set("b-1")
        # nobody can tell whose the key in use is, but whose the new one is: the account's that was in use before
        store = scene.world.stores["payments"]
        store.look.execute(FORGET + " WHERE delete_time IS NULL")
        scene.world.account("stripe", "b1-1").revoked.add("b1-1")
        assert await keeper.set("a-2", is_same=True) == ""
        assert second not in ("", first)
        assert await keeper.set("a-2") == first

    stage(runner, play)


def test_whose_accounts_are_is_learned_while_their_keys_still_tell(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        first = await keeper.set("a-1")
        await keeper.set("b-1")
        second = await keeper.set("c-1")
        store = scene.world.stores["payments"]
        store.look.execute(FORGET)
        scene.world.account("stripe", "b1-1").revoked.add("b1-1")
        learn = scene.world.call("payments", lambda p: p.parts.identities.step())
        assert not await learn
        rows = store.rows("SELECT * FROM provider_accounts ORDER BY account_id")
        assert [row.identity for row in rows] == ["stripe-a1", None, "stripe-c1"]
        for key in ("a1-1", "c1-1"):
            scene.world.account("stripe", key).revoked.add(key)
        assert await keeper.set("c-2") == second
        assert await keeper.set("a-2") == first

    stage(runner, play)


def test_account_that_cannot_be_asked_is_not_set(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        await keeper.set("a-1")
        scene.world.account("stripe", "b1-1")
        scene.trip("identity", lambda: Trip(is_refused=True), 3)
        began = scene.world.elapsed()
        # a client repeats what is UNAVAILABLE
        assert await keeper.set("b-1")
        assert scene.world.elapsed() - began > 1.5
        rows = scene.world.stores["payments"].rows("SELECT * FROM provider_accounts ORDER BY account_id")
        assert [(row.identity, row.delete_time is None) for row in rows] == [("stripe-a1", False), ("stripe-b1", True)]

    stage(runner, play)


def test_two_who_set_different_accounts_at_once_lose_neither(runner: Runner) -> None:
    async def play(scene: Scene) -> None:
        keepers = [AccountKeeper(scene.world, scene.shop) for _ in range(4)]
        keys = ("a-1", "b-1", "a-2", "c-1")
        made = await asyncio.gather(*(one.set(key) for one, key in zip(keepers, keys, strict=True)))
        assert made[0] == made[2]
        assert len(set(made)) == 3
        rows = scene.world.stores["payments"].rows("SELECT * FROM provider_accounts")
        assert sorted(row.identity for row in rows) == ["stripe-a1", "stripe-b1", "stripe-c1"]
        assert sum(row.delete_time is None for row in rows) == 1

    stage(runner, play)


@pytest.mark.parametrize(
    ("token", "status", "after_all"),
    [
        # its order has expired meanwhile
        ("pm_action", "REQUIRES_ACTION", "CANCELLED"),
        ("pm_card", "AUTHORIZED", "AUTHORIZED"),
    ],
)
def test_payment_of_a_closed_account_becomes_a_question_and_one_of_an_outage_does_not(
    runner: Runner, token: str, status: str, after_all: str
) -> None:
    async def play(scene: Scene) -> None:
        keeper = AccountKeeper(scene.world, scene.shop)
        await keeper.set("a-1")
        scene.world.profile = Profile("staged", chances={"event_never_sent": 1.0})
        payment = await scene.pay(token=token, manual=True)
        revoked = scene.world.account("stripe", "a1-1").revoked

        async def stands(hours: float) -> tuple[str, list[str]]:
            await asyncio.sleep(hours * 3600)
            now = await scene.shop._get(payment.payment_id)
            return payment_pb2.Payment.Status.Name(now.status), scene.reviews()

        assert await stands(3) == (status, [])
        for _ in range(2 if status == "AUTHORIZED" else 1):
            revoked.clear()
            assert await stands(2) == (status, [])
            revoked.add("a1-1")
            assert await stands(25) == (status, [])
        assert await stands(4) == ("NEEDS_REVIEW", ["UNKNOWN_OUTCOME"])
        assert await stands(30) == ("NEEDS_REVIEW", ["UNKNOWN_OUTCOME"])
        # what its provider says after all is the answer
        revoked.clear()
        assert await stands(2) == (after_all, [])

    stage(runner, play)
