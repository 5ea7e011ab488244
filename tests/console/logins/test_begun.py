"""What strangers begin at the login is bounded, by network and in all: each is a row for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from console.domain import AccountError
from console.use_cases.begun import LIFETIME, MAX_OF_SOURCE, MAX_OPEN, Begun

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NOTHING = cast("Any", None)


def test_a_network_begins_so_much_and_then_again_later() -> None:
    moments = [NOW]
    begun = Begun(NOTHING, NOTHING, NOTHING, lambda: moments[-1])
    for _ in range(MAX_OF_SOURCE):
        begun.admit("one")
    with pytest.raises(AccountError, match="from your network"):
        begun.admit("one")
    begun.admit("another")
    moments.append(NOW + LIFETIME - timedelta(seconds=1))
    with pytest.raises(AccountError):
        begun.admit("one")
    moments.append(NOW + LIFETIME)
    for _ in range(MAX_OF_SOURCE):
        begun.admit("one")


def test_many_networks_together_begin_so_much() -> None:
    begun = Begun(NOTHING, NOTHING, NOTHING, lambda: NOW)
    for number in range(MAX_OPEN):
        begun.admit(str(number))
    with pytest.raises(AccountError):
        begun.admit("one more")
