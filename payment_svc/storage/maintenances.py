"""Every SQL statement about maintenances of providers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.schema import NOW
from payment_svc.domain.maintenance import Maintenance
from payment_svc.tables import provider_maintenances as table

KEPT = 100
"""How many are listed: as many as the contract says."""
_active = sa.and_(table.c.end_time.is_(None), table.c.until_time > NOW)
_COLUMNS = (*table.c, _active.label("active"))
_provider = sa.bindparam("provider", type_=sa.Text)
_NEWEST = statement(sa.select(*_COLUMNS).order_by(table.c.maintenance_id.desc()).limit(KEPT), Maintenance)
_ACTIVE = statement(sa.select(*_COLUMNS).where(_active), Maintenance)
# what is over by its time was ended by nobody
_CLEAR = statement(
    sa.update(table)
    .where(table.c.provider == _provider, table.c.end_time.is_(None), table.c.until_time <= NOW)
    .values(end_time=table.c.until_time)
)
_END = statement(
    sa.update(table)
    .where(table.c.provider == _provider, _active)
    .values(end_time=NOW, ended_by=sa.bindparam("by", type_=sa.Text))
    .returning(*table.c, sa.false().label("active")),
    Maintenance,
)
_ADD = statement(
    sa.insert(table)
    .values(
        parameters_for(table, "maintenance_id", "provider", "operator", "why", "until_time", prefix="b_")
        | {"create_time": NOW}
    )
    .returning(*table.c, sa.true().label("active")),
    Maintenance,
)
_LOCK = statement(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(sa.literal("maintenance ") + _provider))))


class MaintenanceRepository:
    """Maintenances in PostgreSQL. Methods run in the session that they are given."""

    async def newest(self, session: Session) -> list[Maintenance]:
        """Return the newest ones, newest first."""
        return await session.all(_NEWEST)

    async def active(self, session: Session) -> list[Maintenance]:
        """Return those under way."""
        return await session.all(_ACTIVE)

    async def start(
        self, session: Session, maintenance_id: UUID, provider: str, until: datetime, operator: str, why: str
    ) -> Maintenance:
        """Start one, in a transaction, in the place of one that is under way."""
        await session.run(_LOCK, provider=provider)
        await session.run(_CLEAR, provider=provider)
        await session.one(_END, provider=provider, by=operator)
        values = {"maintenance_id": maintenance_id, "provider": provider, "operator": operator, "why": why}
        made = await session.one(_ADD, **{f"b_{name}": value for name, value in values.items()}, b_until_time=until)
        assert made
        return made

    async def end(self, session: Session, provider: str, by: str) -> Maintenance | None:
        """End the one under way; None: there is none."""
        return await session.one(_END, provider=provider, by=by)
