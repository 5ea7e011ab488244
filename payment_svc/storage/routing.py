"""Every SQL statement about routing policies."""

from __future__ import annotations

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
from payment_svc.domain.routing import Policy, Rule, Target
from payment_svc.tables import routing_policies


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
            b_rules=Jsonb([asdict(rule) for rule in policy.rules]),
            b_update_time=policy.update_time,
        )


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
