"""A confirmation is of what was shown, once, for ten minutes."""

from __future__ import annotations

import pytest

from assistants.confirmation import ConfirmationError, Confirmations

SHOWN = {"tool": "create_refund", "arguments": {"amount": {"value": "5.00", "currency": "EUR"}}}

ARGUMENTS = {"payment_id": "p", "amount": {"value": "5.00", "currency": "EUR"}}
ASKED = {"tool": "create_refund", "arguments": {"payment_id": "p"}, "key": "k"}


class Clock:
    """A time that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_it_holds_once() -> None:
    confirmations = Confirmations(Clock())
    token, end = confirmations.issue(SHOWN)
    assert end == 1_600
    confirmations.use(token, SHOWN, ASKED, ARGUMENTS)
    with pytest.raises(ConfirmationError, match="used before"):
        confirmations.use(token, SHOWN, ASKED, ARGUMENTS)


def test_it_holds_for_what_was_shown() -> None:
    confirmations = Confirmations(Clock())
    token, _ = confirmations.issue(SHOWN)
    with pytest.raises(ConfirmationError, match="not of this call"):
        confirmations.use(
            token, {**SHOWN, "arguments": {"amount": {"value": "50.00", "currency": "EUR"}}}, ASKED, ARGUMENTS
        )


def test_it_ends() -> None:
    clock = Clock()
    confirmations = Confirmations(clock)
    token, _ = confirmations.issue(SHOWN)
    clock.now += 600
    with pytest.raises(ConfirmationError, match="over"):
        confirmations.use(token, SHOWN, ASKED, ARGUMENTS)


def test_nobody_else_can_make_one() -> None:
    confirmations = Confirmations(Clock())
    foreign, _ = Confirmations(Clock()).issue(SHOWN)
    token, _ = confirmations.issue(SHOWN)
    longer = token.replace(".1600.", ".9600.")
    for forged in (foreign, longer, "", "x", "a.b.c", "é.1600.é", token[:-1]):
        with pytest.raises(ConfirmationError):
            confirmations.use(forged, SHOWN, ASKED, ARGUMENTS)


def test_an_attempt_without_an_answer_is_repeated_as_it_was_shown() -> None:
    clock = Clock()
    confirmations = Confirmations(clock)
    token, _ = confirmations.issue(SHOWN)
    assert confirmations.repeat(token, ASKED) is None
    confirmed = confirmations.use(token, SHOWN, ASKED, ARGUMENTS)
    # while it runs, it is neither new nor to be repeated
    assert confirmations.repeat(token, ASKED) is None
    for _ in range(2):
        confirmations.give_back(confirmed)
        with pytest.raises(ConfirmationError, match="not of this call"):
            confirmations.repeat(token, {**ASKED, "arguments": {}})
        # longer than a person may think it over: a new confirmation would be a second refund
        clock.now += 3_600
        repeated = confirmations.repeat(token, ASKED)
        assert repeated is not None
        assert (repeated.nonce, repeated.arguments, repeated.is_repeated) == (confirmed.nonce, ARGUMENTS, True)
        assert confirmations.repeat(token, ASKED) is None
    confirmations.give_back(confirmed)
    # the gateway forgets the key after 24 hours
    clock.now += 22 * 3_600
    assert confirmations.repeat(token, ASKED) is None
