"""Faults on demand: what a provider or the network does wrong, for whom, and how often."""

import json
import random
import secrets
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from sandbox.store.database import Database

ApiKind = Literal[
    "latency",
    "error_500",
    "error_429",
    "error_401",
    "timeout_before",
    "timeout_after",
    "connection_reset",
    "incomplete",
]
WebhookKind = Literal["webhook_duplicate", "webhook_delay", "webhook_reorder", "webhook_drop", "webhook_corrupt"]
SettleKind = Literal["settle_delay"]
Kind = Literal[ApiKind, WebhookKind, SettleKind]

API_KINDS: tuple[str, ...] = get_args(ApiKind)
WEBHOOK_KINDS: tuple[str, ...] = get_args(WebhookKind)
SETTLE_KINDS: tuple[str, ...] = get_args(SettleKind)

_SCHEMA = "CREATE TABLE IF NOT EXISTS faults (id TEXT PRIMARY KEY, body TEXT NOT NULL)"


class Fault(BaseModel):
    """One fault, as posted to the control API."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default_factory=lambda: f"fault_{secrets.token_hex(8)}")
    kind: Kind
    provider: str = Field("*", description="stripe, paypal … or *")
    operation: str = Field("*", description="an operation or event type; shell patterns are allowed")
    match: dict[str, str] = Field(default_factory=dict, description="metadata that must be equal, all of it")
    count: int | None = Field(None, ge=1, description="how often it strikes; until removed when left out")
    probability: float = Field(1.0, gt=0, le=1, description="the chance that it strikes a match")
    seconds: float = Field(1.0, ge=0, description="of latency, hanging, or delay")
    applied: bool = Field(False, description="error_500, connection_reset: do the work first")
    stored: bool = Field(True, description="error_500: keep the answer under the idempotency key")
    copies: int = Field(1, ge=1, description="webhook_duplicate: extra deliveries")
    size: int = Field(2, ge=2, description="webhook_reorder: how many to hold and send in reverse")
    attempts: int = Field(1, ge=1, description="webhook_corrupt: how many attempts are badly signed")
    field: str = Field("status", description="incomplete: what the answer leaves out")
    hits: int = Field(0, ge=0, description="how often it has struck")

    def applies(self, provider: str, operation: str, tags: Mapping[str, str]) -> bool:
        """Whether this fault is meant for the call at hand."""
        spent = self.count is not None and self.hits >= self.count
        return (
            not spent
            and self.provider in {"*", provider}
            and fnmatchcase(operation, self.operation)
            and all(tags.get(name) == value for name, value in self.match.items())
        )


class Faults:
    """The active faults; kept in the database so that a restart forgets none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_SCHEMA)
        rows = database.rows("SELECT body FROM faults ORDER BY rowid")
        self._faults = {fault.id: fault for row in rows for fault in [Fault(**json.loads(row["body"]))]}

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        self._faults[fault.id] = fault
        self._write(fault)

    def all(self) -> list[Fault]:
        """Every fault, the spent ones with their number of hits."""
        return list(self._faults.values())

    def remove(self, fault_id: str) -> bool:
        """Disarm one fault; false when there is none of that id."""
        self._database.execute("DELETE FROM faults WHERE id = ?", (fault_id,))
        return self._faults.pop(fault_id, None) is not None

    def take(self, kinds: tuple[str, ...], provider: str, operation: str, tags: Mapping[str, str]) -> Fault | None:
        """The oldest fault that strikes this call; counts the hit."""
        for fault in self._faults.values():
            if fault.kind not in kinds or not fault.applies(provider, operation, tags):
                continue
            if random.random() <= fault.probability:  # noqa: S311 - chance, not secrecy
                fault.hits += 1
                self._write(fault)
                return fault
        return None

    def _write(self, fault: Fault) -> None:
        self._database.execute(
            "INSERT INTO faults VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (fault.id, fault.model_dump_json()),
        )
