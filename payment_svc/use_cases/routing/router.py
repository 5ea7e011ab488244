"""The use cases of routing: a merchant's policy, and the provider that it gives a payment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from mesh.errors import ApiError, failed_precondition, invalid
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.storage.database import Database
from payment_svc.domain.account import Tenant
from payment_svc.domain.payment import Route
from payment_svc.domain.routing import Candidate, Policy, Rule, Target, Version, draw, shares
from payment_svc.providers.base import AmountNotSupportedError, Provider
from payment_svc.providers.registry import none_is_on, unknown
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.routing import RoutingRepository
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.routing.maintenances import Maintenances

DEFAULT_RULE = "default"
START = "start"
NOT_ON = "is not on here"


@dataclass(frozen=True, slots=True)
class RoutingRequest:
    """What of a payment the rules look at."""

    owner: Tenant
    amount: Money
    country: str


class Router:
    """Chooses providers by the merchants' policies."""

    def __init__(
        self,
        database: Database,
        store: RoutingRepository,
        accounts: Accounts,
        maintenances: Maintenances,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._store = store
        self._accounts = accounts
        self._maintenances = maintenances
        self._clock = clock
        self._ids = ids

    async def policy(self, merchant_id: UUID) -> Policy:
        """Return a merchant's policy; one without rules when none was set."""
        async with self._database.session() as session:
            return await self._store.get(session, merchant_id)

    async def versions(self, merchant_id: UUID) -> list[Version]:
        """Return the newest policies that a merchant has had, newest first."""
        async with self._database.session() as session:
            return await self._store.versions(session, merchant_id)

    async def replace(self, owner: Tenant, rules: Sequence[Rule], trace_id: str = "") -> Policy:
        """Set a merchant's rules. Raises ApiError INVALID_ARGUMENT that names the rule that is wrong."""
        names = [provider.name for provider in await self._accounts.available(owner)]
        for number, rule in enumerate(rules):
            _check(rule, f"rules[{number}]", names, owner.mode)
        policy = Policy(tuple(rules), self._clock())
        async with self._database.transaction() as session:
            await self._store.put(session, owner.merchant_id, policy)
            await self._store.remember(session, self._ids(), owner.merchant_id, policy, trace_id)
        return policy if rules else replace(policy, update_time=None)

    async def choose(
        self, wish: RoutingRequest, payment_id: UUID, fits: Callable[[Provider], None]
    ) -> tuple[ResilientProvider, Route]:
        """Return the provider that takes a payment, with the rule and the reason.

        `fits` raises ApiError or AmountNotSupportedError for a provider that cannot take it. One whose circuit is open
        is passed over while there is another, one in maintenance always. Raises ApiError FAILED_PRECONDITION, reason
        NO_ROUTE.
        """
        providers = {provider.name: provider for provider in await self._accounts.available(wish.owner)}
        if not providers:
            raise failed_precondition("NO_ROUTE", none_is_on(wish.owner.mode))
        rule = await self._rule(wish, list(providers))
        if rule is None:
            raise failed_precondition("NO_ROUTE", "no rule of the routing policy matches the payment; name a provider")
        drained = await self._maintenances.refusals()
        passed_over: list[str] = []
        able: list[ResilientProvider] = []
        for target in draw(rule.targets, payment_id.int):
            provider = providers.get(target.provider)
            unable = _unable(provider, fits) or drained.get(target.provider, "")
            if provider is None or unable:
                passed_over.append(f"{target.provider} passed over: {unable}")
            else:
                able.append(provider)
        if not able:
            raise failed_precondition("NO_ROUTE", f"no provider of rule {rule.name!r} fits: {'; '.join(passed_over)}")
        up = [provider for provider in able if not provider.is_open(START)]
        passed_over += [f"{one.name} passed over: its circuit is open" for one in able if up and one not in up]
        # those that are down come last: they may be up again when the others turn out to be down as well
        order = [*up, *(provider for provider in able if provider not in up)]
        reason = "; ".join((f"{rule.name} ({rule.condition()}): {_share(rule, order[0].name)}", *passed_over))
        return order[0], Route(rule.name, reason, tuple(provider.name for provider in order[1:]))

    async def preview(self, wish: RoutingRequest) -> tuple[Rule | None, list[Candidate]]:
        """Return the rule that would decide about a payment, and what its providers would do; None: it has no rule."""
        providers = {provider.name: provider for provider in await self._accounts.available(wish.owner)}
        rule = await self._rule(wish, list(providers))
        if rule is None or not rule.targets:
            return None, []

        def fits(provider: Provider) -> None:
            provider.check_amount(wish.amount)

        drained = await self._maintenances.refusals()
        refusals = {
            one.provider: _unable(providers.get(one.provider), fits) or drained.get(one.provider, "")
            for one in rule.targets
        }
        up = [name for name, refusal in refusals.items() if not refusal and not providers[name].is_open(START)]
        if up:
            # as `choose` does: one that is down is tried only where no other is left
            refusals |= {name: "its circuit is open" for name, why in refusals.items() if not why and name not in up}
        return rule, shares(rule.targets, refusals)

    async def _rule(self, wish: RoutingRequest, names: Sequence[str]) -> Rule | None:
        """Return the rule that decides about a payment; None: the policy has none for it."""
        rules = (await self.policy(wish.owner.merchant_id)).rules
        if not rules:
            return _own_order(names)
        return next((rule for rule in rules if rule.matches(wish.amount, wish.country)), None)


def _own_order(names: Sequence[str]) -> Rule:
    """Return the gateway's own order as a rule: the first that can."""
    return Rule(DEFAULT_RULE, (), None, None, (), tuple(Target(name, 0) for name in names))


def _unable(provider: ResilientProvider | None, fits: Callable[[Provider], None]) -> str:
    return NOT_ON if provider is None else _refusal(provider, fits)


def _check(rule: Rule, field: str, names: Sequence[str], mode: str) -> None:
    for number, target in enumerate(rule.targets):
        if target.provider not in names:
            raise unknown(target.provider, names, mode, field=f"{field}.targets[{number}].provider")
    if len({target.provider for target in rule.targets}) < len(rule.targets):
        raise invalid(f"{field}.targets", "names a provider twice")
    low, high = rule.min_amount, rule.max_amount
    if low and high and (low.currency != high.currency or low.minor > high.minor):
        raise invalid(f"{field}.max_amount", "must be of the currency of min_amount, and not less")


def _refusal(provider: ResilientProvider, fits: Callable[[Provider], None]) -> str:
    try:
        fits(provider)
    except (ApiError, AmountNotSupportedError) as error:
        return str(error)
    return ""


def _share(rule: Rule, name: str) -> str:
    total = sum(target.weight for target in rule.targets)
    weight = next(target.weight for target in rule.targets if target.provider == name)
    return f"{name} drawn by weight {weight} of {total}" if weight else f"{name} is next in order"
