"""A confirmation is of what was shown, once, for ten minutes."""

from __future__ import annotations

import pytest

from assistants.confirmation import ConfirmationError, Confirmations

SHOWN = {"tool": "create_refund", "arguments": {"amount": {"value": "5.00", "currency": "EUR"}}}


class Clock:
    """A time that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_it_holds_once() -> None:
    confirmations = Confirmations(Clock())
    token, end = confirmations.issue(SHOWN)
    assert end == 1_600
    confirmations.use(token, SHOWN)
    with pytest.raises(ConfirmationError, match="used before"):
        confirmations.use(token, SHOWN)


def test_it_holds_for_what_was_shown() -> None:
    confirmations = Confirmations(Clock())
    token, _ = confirmations.issue(SHOWN)
    with pytest.raises(ConfirmationError, match="not of this call"):
        confirmations.use(token, {**SHOWN, "arguments": {"amount": {"value": "50.00", "currency": "EUR"}}})


def test_it_ends() -> None:
    clock = Clock()
    confirmations = Confirmations(clock)
    token, _ = confirmations.issue(SHOWN)
    clock.now += 600
    with pytest.raises(ConfirmationError, match="over"):
        confirmations.use(token, SHOWN)


def test_nobody_else_can_make_one() -> None:
    confirmations = Confirmations(Clock())
    foreign, _ = Confirmations(Clock()).issue(SHOWN)
    token, _ = confirmations.issue(SHOWN)
    longer = token.replace(".1600.", ".9600.")
    for forged in (foreign, longer, "", "x", "a.b.c", "é.1600.é", token[:-1]):
        with pytest.raises(ConfirmationError):
            confirmations.use(forged, SHOWN)


def test_an_attempt_without_an_answer_is_repeated_as_the_same() -> None:
    confirmations = Confirmations(Clock())
    token, _ = confirmations.issue(SHOWN)
    confirmed = confirmations.use(token, SHOWN)
    confirmations.give_back(confirmed)
    assert confirmations.use(token, SHOWN) == confirmed
