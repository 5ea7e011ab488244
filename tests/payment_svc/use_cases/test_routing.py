"""What a policy may say, which provider it gives a payment, and how long maintenance is believed."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.account import Tenant
from payment_svc.domain.maintenance import Maintenance
from payment_svc.domain.payment import Route
from payment_svc.domain.routing import Candidate, Policy, Rule, Target
from payment_svc.providers.base import AmountNotSupportedError
from payment_svc.use_cases.routing.maintenances import Maintenances
from payment_svc.use_cases.routing.router import Router, RoutingRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MERCHANT = Tenant(uuid.UUID(int=2), "live")
EUR5 = Money(500, "EUR")
RULE = Rule("eu", ("EUR",), None, None, (), (Target("stripe", 3), Target("paypal", 1)))
BACKUP = replace(RULE, targets=(Target("stripe", 1), Target("paypal", 0)))
WISH = RoutingRequest(MERCHANT, EUR5, "DE")
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


class Provider:
    """A provider that takes some amounts, and may be down."""

    def __init__(self, name: str, *, takes: bool = True, is_down: bool = False) -> None:
        self.name = name
        self._takes = takes
        self._is_down = is_down

    def check_amount(self, _amount: Money) -> None:
        """Refuse what it does not take."""
        if not self._takes:
            raise AmountNotSupportedError("too little")

    def is_open(self, _operation: str) -> bool:
        """Whether it is down."""
        return self._is_down


class World:
    """Everything that routing asks, in the test's hands."""

    def __init__(self, rules: tuple[Rule, ...] = (), providers: tuple[Provider, ...] = ()) -> None:
        self.rules = rules
        self.providers = providers
        self.drained: dict[str, str] = {}
        self.stored: list[Any] = []
        self.under_way: list[Maintenance] = []
        self.asked = 0
        self.time = 100.0
        self.told: Any = None
        me = cast(Any, self)
        self.router = Router(me, me, me, me, lambda: NOW, lambda: uuid.UUID(int=9))
        self.maintenances = Maintenances(me, me, ids=lambda: uuid.UUID(int=9), now=lambda: self.time)

    @asynccontextmanager
    async def transaction(self) -> Any:
        """Lend nothing."""
        yield self

    session = transaction

    def when_another(self, tell: Any) -> None:
        """Keep who is told."""
        self.told = tell

    async def now(self) -> datetime:
        """Return the present."""
        return NOW

    async def available(self, owner: Tenant) -> tuple[Provider, ...]:
        """Return the providers."""
        assert owner == MERCHANT
        return self.providers

    async def refusals(self) -> dict[str, str]:
        """Return which are in maintenance."""
        return self.drained

    async def get(self, _session: Any, merchant_id: uuid.UUID) -> Policy:
        """Return the policy."""
        assert merchant_id == MERCHANT.merchant_id
        return Policy(self.rules, NOW)

    async def put(self, _session: Any, *given: Any) -> None:
        """Keep what is stored."""
        self.stored.append(given)

    async def remember(self, _session: Any, *given: Any) -> None:
        """Keep what is remembered."""
        self.stored.append(given)

    async def active(self, _session: Any) -> list[Maintenance]:
        """Return what is under way."""
        self.asked += 1
        return self.under_way

    async def start(self, _session: Any, *given: Any) -> Any:
        """Start one."""
        self.stored.append(given)
        return given

    async def end(self, _session: Any, provider: str, _operator: str) -> Maintenance | None:
        """End one."""
        return next((one for one in self.under_way if one.provider == provider), None)


STRIPE, PAYPAL = Provider("stripe"), Provider("paypal")


def limits(low: Money | None, high: Money | None) -> Rule:
    return replace(RULE, min_amount=low, max_amount=high)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (RULE, ""),
        (replace(RULE, targets=()), ""),
        (replace(RULE, targets=(Target("stripe", 1), Target("adyen", 1))), "PROVIDER_UNKNOWN"),
        (replace(RULE, targets=(Target("stripe", 1), Target("stripe", 2))), "INVALID_ARGUMENT"),
        (limits(None, EUR5), ""),
        (limits(EUR5, None), ""),
        (limits(EUR5, EUR5), ""),
        (limits(EUR5, Money(501, "EUR")), ""),
        (limits(EUR5, Money(499, "EUR")), "INVALID_ARGUMENT"),
        (limits(EUR5, Money(900, "CHF")), "INVALID_ARGUMENT"),
        (limits(EUR5, Money(900, "USD")), "INVALID_ARGUMENT"),
    ],
)
async def test_policy_that_cannot_be_followed_is_refused(rule: Rule, reason: str) -> None:
    world = World(providers=(STRIPE, PAYPAL))
    if reason:
        with pytest.raises(ApiError) as refused:
            await world.router.replace(MERCHANT, [RULE, rule], "trace")
        assert refused.value.reason == reason
        assert refused.value.violations[0].field.startswith("rules[1].")
        assert not world.stored
        return
    policy = await world.router.replace(MERCHANT, [RULE, rule], "trace")
    assert policy == Policy((RULE, rule), NOW)
    mine = MERCHANT.merchant_id
    assert world.stored == [(mine, policy), (uuid.UUID(int=9), mine, policy, "trace")]


async def test_policy_without_rules_is_none() -> None:
    assert await World().router.replace(MERCHANT, []) == Policy((), None)


def fits(provider: Any) -> None:
    provider.check_amount(EUR5)


DRAWN, NEXT = "stripe drawn by weight 1 of 1", "paypal is next in order"
ALONE = f"{DRAWN}; paypal passed over: is not on here"
DOWN, POOR = Provider("stripe", is_down=True), Provider("stripe", takes=False)


@pytest.mark.parametrize(
    ("rules", "providers", "drained", "chosen"),
    [
        ((BACKUP,), (STRIPE, PAYPAL), {}, ("stripe", "eu", ("paypal",), DRAWN)),
        ((BACKUP,), (POOR, PAYPAL), {}, ("paypal", "eu", (), f"{NEXT}; stripe passed over: too little")),
        ((BACKUP,), (PAYPAL,), {}, ("paypal", "eu", (), f"{NEXT}; stripe passed over: is not on here")),
        (
            (BACKUP,), (DOWN, PAYPAL), {},
            ("paypal", "eu", ("stripe",), f"{NEXT}; stripe passed over: its circuit is open"),
        ),
        ((BACKUP,), (DOWN,), {}, ("stripe", "eu", (), ALONE)),
        (
            (BACKUP,), (STRIPE, PAYPAL), {"stripe": "resting"},
            ("paypal", "eu", (), f"{NEXT}; stripe passed over: resting"),
        ),
        ((), (PAYPAL, STRIPE), {}, ("paypal", "default", ("stripe",), NEXT)),
        ((replace(RULE, currencies=("USD",)), BACKUP), (STRIPE,), {}, ("stripe", "eu", (), ALONE)),
        ((replace(RULE, currencies=("USD",)),), (STRIPE,), {}, None),
        ((BACKUP,), (POOR,), {}, None),
        ((), (), {}, None),
    ],
)  # fmt: skip
async def test_payment_goes_to_the_first_that_can(
    rules: tuple[Rule, ...], providers: tuple[Provider, ...], drained: dict[str, str], chosen: Any
) -> None:
    world = World(rules, providers)
    world.drained = drained
    if chosen is None:
        with pytest.raises(ApiError) as refused:
            await world.router.choose(WISH, uuid.UUID(int=1), fits)
        assert refused.value.reason == "NO_ROUTE"
        return
    name, rule, alternatives, reason = chosen
    provider, route = await world.router.choose(WISH, uuid.UUID(int=1), fits)
    condition = "EUR" if rule == "eu" else "always"
    assert (provider.name, route) == (name, Route(rule, f"{rule} ({condition}): {reason}", alternatives))


@pytest.mark.parametrize(
    ("rules", "providers", "drained", "shown"),
    [
        ((RULE,), (STRIPE, PAYPAL), {}, [("stripe", 75.0, ""), ("paypal", 25.0, "")]),
        ((RULE,), (DOWN, PAYPAL), {}, [("stripe", 0.0, "its circuit is open"), ("paypal", 100.0, "")]),
        ((RULE,), (DOWN,), {}, [("stripe", 100.0, ""), ("paypal", 0.0, "is not on here")]),
        ((RULE,), (POOR, PAYPAL), {}, [("stripe", 0.0, "too little"), ("paypal", 100.0, "")]),
        ((RULE,), (STRIPE, PAYPAL), {"paypal": "resting"}, [("stripe", 100.0, ""), ("paypal", 0.0, "resting")]),
        ((replace(RULE, currencies=("USD",)),), (STRIPE,), {}, None),
        ((), (), {}, None),
    ],
)
async def test_preview_says_what_would_become_of_a_payment(
    rules: tuple[Rule, ...], providers: tuple[Provider, ...], drained: dict[str, str], shown: Any
) -> None:
    world = World(rules, providers)
    world.drained = drained
    rule, candidates = await world.router.preview(WISH)
    assert candidates == [Candidate(*one) for one in shown or ()]
    assert (rule is None) is (shown is None)


def maintenance(provider: str) -> Maintenance:
    return Maintenance(uuid.UUID(int=1), provider, "ada", "why", NOW, NOW + HOUR, None, "", True)


async def test_maintenance_is_believed_for_a_second() -> None:
    world = World()
    for age, asked in ((0.0, 1), (1.0, 1), (1.1, 2)):
        world.time = 100.0 + age
        assert await world.maintenances.active() == {}
        assert world.asked == asked
    world.under_way = [maintenance("stripe")]
    assert await world.maintenances.refusals() == {}
    assert set(await world.maintenances.under_way()) == {"stripe"}
    assert await world.maintenances.refusals() == {"stripe": "it is in maintenance until 2026-01-01 01:00 UTC"}
    world.under_way = []
    world.told()
    assert await world.maintenances.active() == {}


@pytest.mark.parametrize(
    ("provider", "after", "reason"),
    [
        ("stripe", MOMENT, ""),
        ("stripe", timedelta(days=30), ""),
        ("stripe", timedelta(days=30) + MOMENT, "INVALID_ARGUMENT"),
        ("stripe", timedelta(0), "INVALID_ARGUMENT"),
        ("stripe", -MOMENT, "INVALID_ARGUMENT"),
        ("adyen", HOUR, "PROVIDER_UNKNOWN"),
    ],
)
async def test_maintenance_is_of_a_known_provider_and_lasts_a_month_at_the_most(
    provider: str, after: timedelta, reason: str
) -> None:
    world = World()
    await world.maintenances.active()
    if reason:
        with pytest.raises(ApiError) as refused:
            await world.maintenances.start(provider, NOW + after, "ada", "why", known=["stripe"])
        assert (refused.value.reason, world.stored) == (reason, [])
        return
    await world.maintenances.start(provider, NOW + after, "ada", "why", known=["stripe"])
    assert world.stored == [(uuid.UUID(int=9), "stripe", NOW + after, "ada", "why")]
    await world.maintenances.active()
    assert world.asked == 2


async def test_only_what_is_under_way_is_ended() -> None:
    world = World()
    world.under_way = [maintenance("stripe")]
    await world.maintenances.active()
    with pytest.raises(ApiError) as refused:
        await world.maintenances.end("paypal", "bob")
    assert refused.value.reason == "NO_MAINTENANCE"
    assert (await world.maintenances.end("stripe", "bob")).provider == "stripe"
    await world.maintenances.active()
    assert world.asked == 2
