"""How the service is put together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import payment_svc.__main__ as root
from payment_svc.assembly import Surroundings
from payment_svc.providers.registration import Connection
from payment_svc.settings import PaymentSettings, settings_class


class _SeenError(Exception):
    """All is seen."""


async def test_what_is_decided_about_money_is_decided_by_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def registry(_settings: Any, _mode: str, connection: Connection, *_: Any) -> None:
        seen["adapters"] = connection.clock

    def assemble(_settings: PaymentSettings, on: Surroundings) -> None:
        seen["use cases"], seen["database"] = on.clock, on.database
        raise _SeenError

    monkeypatch.setattr(root, "Registry", registry)
    monkeypatch.setattr(root, "assemble", assemble)
    with pytest.raises(_SeenError):
        root.build(settings_class()(database_url="postgresql://nowhere", order_target="nowhere:1"))
    then = datetime(2031, 1, 1, tzinfo=UTC)
    seen["database"].learn(then)
    for clock in (seen["use cases"], seen["adapters"]):
        assert abs((clock() - then).total_seconds()) < 60
