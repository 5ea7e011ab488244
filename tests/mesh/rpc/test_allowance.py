"""What each may use at once, and with each second."""

from __future__ import annotations

from mesh.rpc.allowance import MAX_KNOWN, Allowance


def test_what_was_used_up_comes_back_and_never_more_than_at_first() -> None:
    now = 1000.0
    allowance: Allowance[str] = Allowance(30, 2, lambda: now)
    assert allowance.wait("one") < 0
    allowance.spend("one", 29)
    assert allowance.wait("one") == -0.5
    allowance.spend("one", 11)
    assert (allowance.wait("one"), allowance.wait("another") < 0) == (5, True)
    now += 5
    assert allowance.wait("one") == 0
    now += 1_000_000
    allowance.spend("one", 30)
    assert allowance.wait("one") == 0


def test_who_has_used_something_longest_ago_is_forgotten_first() -> None:
    allowance: Allowance[int] = Allowance(1, 1, lambda: 0.0)
    allowance.spend(-1, 5)
    for number in range(MAX_KNOWN - 1):
        allowance.spend(number, 5)
    allowance.spend(-1, 5)
    allowance.spend(MAX_KNOWN, 5)
    assert [allowance.wait(one) > 0 for one in (-1, 0, 1, MAX_KNOWN)] == [True, False, True, True]
