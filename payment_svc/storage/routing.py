"""Every SQL statement about routing policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from mesh.money import Money
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.rows import columns_of
from payment_svc.domain.routing import Policy, Rule, Target, Version
from payment_svc.tables import routing_policies, routing_policy_versions


class PolicyRow(NamedTuple):
    """A policy as it is stored."""

    rules: list[dict[str, Any]]
    update_time: datetime


_GET = statement(
    sa.select(*columns_of(routing_policies, PolicyRow)).where(
        routing_policies.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
    ),
    PolicyRow,
)
_new = pg.insert(routing_policies).values(parameters_for(routing_policies, prefix="b_"))
_PUT = statement(
    _new.on_conflict_do_update(
        index_elements=["merchant_id"], set_={"rules": _new.excluded.rules, "update_time": _new.excluded.update_time}
    )
)
KEPT = 100
"""How many policies of a merchant are remembered: as many as the contract says."""


class VersionRow(NamedTuple):
    """A policy that was set, as it is stored."""

    rules: list[dict[str, Any]]
    create_time: datetime
    trace_id: str


_REMEMBER = statement(pg.insert(routing_policy_versions).values(parameters_for(routing_policy_versions, prefix="b_")))
_of_merchant = routing_policy_versions.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
_VERSIONS = statement(
    sa.select(*columns_of(routing_policy_versions, VersionRow))
    .where(_of_merchant)
    .order_by(routing_policy_versions.c.version_id.desc())
    .limit(KEPT),
    VersionRow,
)
_FORGET = statement(
    sa.delete(routing_policy_versions).where(
        _of_merchant,
        routing_policy_versions.c.version_id
        <= sa.select(routing_policy_versions.c.version_id)
        .where(_of_merchant)
        .order_by(routing_policy_versions.c.version_id.desc())
        .offset(KEPT)
        .limit(1)
        .scalar_subquery(),
    )
)


class RoutingRepository:
    """Routing policies in PostgreSQL. Methods run in the session that they are given."""

    async def get(self, session: Session, merchant_id: UUID) -> Policy:
        """Return a merchant's policy; one without rules when none was set."""
        row = await session.one(_GET, merchant_id=merchant_id)
        return Policy(tuple(_rule(rule) for rule in row.rules), row.update_time) if row else Policy((), None)

    async def put(self, session: Session, merchant_id: UUID, policy: Policy) -> None:
        """Replace a merchant's policy."""
        await session.run(
            _PUT,
            b_merchant_id=merchant_id,
            b_rules=_stored(policy.rules),
            b_update_time=policy.update_time,
        )

    async def remember(
        self, session: Session, version_id: UUID, merchant_id: UUID, policy: Policy, trace_id: str
    ) -> None:
        """Keep a policy that was set, and forget the oldest beyond `KEPT`."""
        await session.run(
            _REMEMBER,
            b_version_id=version_id,
            b_merchant_id=merchant_id,
            b_rules=_stored(policy.rules),
            b_create_time=policy.update_time,
            b_trace_id=trace_id,
        )
        await session.run(_FORGET, merchant_id=merchant_id)

    async def versions(self, session: Session, merchant_id: UUID) -> list[Version]:
        """Return the policies that a merchant has had, newest first."""
        rows = await session.all(_VERSIONS, merchant_id=merchant_id)
        return [Version(tuple(_rule(rule) for rule in row.rules), row.create_time, row.trace_id) for row in rows]


def _stored(rules: Sequence[Rule]) -> Jsonb:
    return Jsonb([asdict(rule) for rule in rules])


def _rule(stored: dict[str, Any]) -> Rule:
    def money(name: str) -> Money | None:
        return Money(**stored[name]) if stored[name] else None

    return Rule(
        name=stored["name"],
        currencies=tuple(stored["currencies"]),
        min_amount=money("min_amount"),
        max_amount=money("max_amount"),
        countries=tuple(stored["countries"]),
        targets=tuple(Target(**target) for target in stored["targets"]),
    )
