"""A merchant's own account at a provider. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who asks: a tenant, and the mode of its key (`test`, `live`; empty inside the mesh)."""

    merchant_id: UUID
    mode: str


@dataclass(frozen=True, slots=True)
class Account:
    """Where a merchant's payments go instead of the platform's account. Its secrets are sealed elsewhere."""

    account_id: UUID
    merchant_id: UUID
    provider: str
    mode: str
    """Of the key that set it: `test`, `live`, or empty for a call from inside the mesh."""
    credentials: tuple[str, ...]
    """The names of what is set, never the values."""
    version: int
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None
    identity: str = ""
    """The provider's own name of it: a payment that has no answer is asked for again there, and nowhere else.

    Empty: not known, as it was set by a version that did not ask."""

    @property
    def vault_owner(self) -> str:
        """Whom its secrets are sealed for. Not by its id: new credentials keep the one of those before."""
        return f"account/{self.merchant_id}/{self.provider}/{self.mode}"
