"""What strangers begin at the login is bounded, by network and in all: each is a row for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from console.domain import AccountError, networks_of
from console.use_cases.begun import LIFETIME, MAX_OF_NETWORK, MAX_OPEN, Begun

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NOTHING = cast("Any", None)


ONE, ANOTHER = networks_of("203.0.113.7"), networks_of("198.51.100.7")


def begun_at(clock: Callable[[], datetime] = lambda: NOW) -> Begun:
    return Begun(NOTHING, NOTHING, NOTHING, clock)


def taken(begun: Begun, addresses: Iterable[str]) -> int:
    """Begin at one address after the other, and return how many were taken before one was not."""
    number = 0
    for number, address in enumerate(addresses):
        try:
            begun.admit(networks_of(address))
        except AccountError:
            return number
    return number + 1


def test_a_network_begins_so_much_and_then_again_later() -> None:
    moments = [NOW]
    begun = begun_at(lambda: moments[-1])
    for _ in range(MAX_OF_NETWORK[0]):
        begun.admit(ONE)
    with pytest.raises(AccountError, match="from your network"):
        begun.admit(ONE)
    begun.admit(ANOTHER)
    moments.append(NOW + LIFETIME - timedelta(seconds=1))
    with pytest.raises(AccountError):
        begun.admit(ONE)
    moments.append(NOW + LIFETIME)
    for _ in range(MAX_OF_NETWORK[0]):
        begun.admit(ONE)


@pytest.mark.parametrize(
    ("form", "most"),
    [
        ("2001:db8:0:{}::1", MAX_OF_NETWORK[1]),
        ("2001:db8:{}::1", MAX_OF_NETWORK[2]),
        ("203.0.113.{}", MAX_OF_NETWORK[1]),
        ("203.0.{}.7", MAX_OF_NETWORK[2]),
    ],
)
def test_who_has_a_large_network_is_one_network_and_keeps_nobody_else_out(form: str, most: int) -> None:
    begun = begun_at()
    assert taken(begun, (form.format(number % 250) for number in range(MAX_OPEN))) == most
    begun.admit(ANOTHER)


def test_many_networks_together_begin_so_much() -> None:
    begun = begun_at()
    assert taken(begun, (f"2001:{number:x}::1" for number in range(MAX_OPEN + 1))) == MAX_OPEN


def test_what_is_no_address_is_a_network_like_another() -> None:
    assert taken(begun_at(), ["unknown"] * MAX_OPEN) == MAX_OF_NETWORK[0]
