"""Every statement about policies and maintenances means one merchant's, or one provider's, and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from mesh.money import Money
from mesh.storage.database import Database
from payment_svc.domain.maintenance import Maintenance
from payment_svc.domain.routing import Policy, Rule, Target, Version
from payment_svc.storage.maintenances import MaintenanceRepository
from payment_svc.storage.routing import KEPT, RoutingRepository
from tests.support.databases.simulated import Store
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW, Watch, ids

POLICIES, MAINTENANCES = RoutingRepository(), MaintenanceRepository()
HOUR = timedelta(hours=1)
RULE = Rule("eu", ("EUR",), Money(1, "EUR"), None, ("DE",), (Target("stripe", 3), Target("paypal", 1)))
POLICY = Policy((RULE,), NOW)
NONE = Policy((), None)


async def test_policy_is_its_merchants(database: Database, store: Store) -> None:
    later = Policy((replace(RULE, name="later", max_amount=Money(9, "EUR")),), NOW + HOUR)
    async with database.session() as session:
        await POLICIES.put(session, MINE, POLICY)
        assert [await POLICIES.get(session, one) for one in ids] == [NONE, POLICY, NONE]
        for other in (BEFORE, AFTER):
            await POLICIES.put(session, other, POLICY)
        with Watch(store, "routing_policies", "merchant_id") as watch:
            await POLICIES.put(session, MINE, later)
        assert await POLICIES.get(session, MINE) == later
    assert watch.changed == {MINE}


async def test_newest_policies_of_a_merchant_are_remembered(database: Database, store: Store) -> None:
    async with database.session() as session:
        for other in (BEFORE, AFTER):
            await POLICIES.remember(session, UUID(int=1), other, POLICY, "t")
        for number in range(KEPT + 2):
            await POLICIES.remember(session, UUID(int=number), MINE, POLICY, f"t{number}")
        kept = await POLICIES.versions(session, MINE)
        assert [await POLICIES.versions(session, one) for one in (BEFORE, AFTER)] == [[Version((RULE,), NOW, "t")]] * 2
    assert [one.trace_id for one in kept] == [f"t{number}" for number in range(KEPT + 1, 1, -1)]
    assert store.count("SELECT count(*) FROM routing_policy_versions") == KEPT + 2


def maintenance(number: int, provider: str, active: bool = True) -> Maintenance:
    return Maintenance(UUID(int=number), provider, "ada", "why", NOW, NOW + HOUR, None, "", active)


@pytest.mark.parametrize(("age", "is_active"), [(HOUR - MOMENT, True), (HOUR, False)])
async def test_maintenance_is_of_one_provider_until_its_time_or_until_it_is_ended(
    database: Database, store: Store, age: timedelta, is_active: bool
) -> None:
    names = ("adyen", "paypal", "stripe")
    async with database.session() as session:
        for number, name in enumerate(names):
            made = await MAINTENANCES.start(session, UUID(int=number), name, NOW + HOUR, "ada", "why")
            assert made == maintenance(number, name)
        store.set_clock(NOW + age)
        all_of = [maintenance(number, name, is_active) for number, name in enumerate(names)]
        assert await MAINTENANCES.newest(session) == all_of[::-1]
        assert await MAINTENANCES.active(session) == (all_of if is_active else [])
        with Watch(store, "provider_maintenances", "maintenance_id") as watch:
            ended = await MAINTENANCES.end(session, "paypal", "bob")
        over = replace(all_of[1], active=False, end_time=NOW + age, ended_by="bob")
        assert ended == (over if is_active else None)
        assert watch.changed == ({UUID(int=1)} if is_active else set())
        assert await MAINTENANCES.end(session, "paypal", "bob") is None


@pytest.mark.parametrize(
    ("age", "end", "by"), [(HOUR - MOMENT, HOUR - MOMENT, "bob"), (HOUR, HOUR, ""), (2 * HOUR, HOUR, "")]
)
async def test_maintenance_takes_the_place_of_the_one_before(
    database: Database, store: Store, age: timedelta, end: timedelta, by: str
) -> None:
    """What is over by its time was ended by nobody."""
    async with database.session() as session:
        for number, name in enumerate(("adyen", "paypal", "stripe")):
            await MAINTENANCES.start(session, UUID(int=number), name, NOW + HOUR, "ada", "why")
        store.set_clock(NOW + age)
        with Watch(store, "provider_maintenances", "maintenance_id") as watch:
            await MAINTENANCES.start(session, UUID(int=9), "paypal", NOW + 3 * HOUR, "bob", "again")
        known = {one.maintenance_id.int: one for one in await MAINTENANCES.newest(session)}
    assert watch.changed == {UUID(int=1), UUID(int=9)}
    assert (known[1].end_time, known[1].ended_by) == (NOW + end, by)
    assert known[9].active


async def test_newest_maintenances_are_listed(database: Database) -> None:
    async with database.session() as session:
        for number in range(101):
            await MAINTENANCES.start(session, UUID(int=number), f"p{number}", NOW + HOUR, "ada", "")
        listed = await MAINTENANCES.newest(session)
    assert [one.maintenance_id.int for one in listed] == list(range(100, 0, -1))
