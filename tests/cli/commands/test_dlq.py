"""`fusionxpay dlq`: what it prints, and what its exit status says."""

from __future__ import annotations

import json
import uuid

import psycopg
import pytest

from stack.stack import Ready
from tests.support.stack.command import run_command

NOBODY = str(uuid.UUID(int=0))
BURY = """
INSERT INTO dead_letters (dead_letter_id, consumer, event_id, subject, payload, reason, deliveries)
VALUES (%s, %s, %s, 'fusionx.order.v1.created', '\\xff', 'cannot [be] decoded', 1)
"""


@pytest.fixture
def consumer() -> str:
    """A consumer that no service has, so that nobody else looks at its letters."""
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def letter(gateway: Ready, consumer: str) -> str:
    """A letter as the version before buries it: without the columns that came later."""
    letter_id = str(uuid.uuid4())
    with psycopg.connect(gateway.database_urls["notify"]) as connection:
        connection.execute(BURY.encode(), [letter_id, consumer, letter_id])
    return letter_id


def test_letter_is_listed_shown_and_dropped(gateway: Ready, consumer: str, letter: str) -> None:
    listed = run_command(gateway, "dlq", "list", "--consumer", consumer)
    assert listed.exit_code == 0
    assert letter in listed.output
    assert "cannot [be] decoded" in listed.output
    shown = run_command(gateway, "dlq", "show", letter)
    assert "payload: /w==" in shown.output
    assert run_command(gateway, "dlq", "drop", letter).exit_code == 0
    left = run_command(gateway, "dlq", "list", "--consumer", consumer, "--json")
    assert json.loads(left.stdout) == []
    dropped = run_command(gateway, "dlq", "list", "--consumer", consumer, "--state", "dropped", "--json")
    assert [one["dead_letter_id"] for one in json.loads(dropped.stdout)] == [letter]


def test_replay_that_is_refused_says_why_and_ends_with_1(gateway: Ready, consumer: str, letter: str) -> None:
    result = run_command(gateway, "dlq", "replay", "--all", "--consumer", consumer)
    assert result.exit_code == 1
    assert f"there is no consumer {consumer}" in result.output
    run_command(gateway, "dlq", "drop", letter)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["show", NOBODY], 69, "no such dead letter"),
        (["drop", NOBODY, "--service", "order_svc"], 69, "no such dead letter"),
        (["replay", "seven"], 69, "dead_letter_id"),
        (["replay"], 2, "--all"),
        (["replay", NOBODY, "--all"], 2, "--all"),
        (["replay", NOBODY, "--consumer", "one"], 2, "--consumer"),
        (["list", "--service", "payment_svc"], 2, "order_svc, notify_svc"),
        (["list", "--target", "127.0.0.1:1"], 2, "--service"),
        (["list", "--service", "order_svc", "--target", "127.0.0.1:1"], 69, "order_svc"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], status: int, said: str, gateway: Ready) -> None:
    result = run_command(gateway, "dlq", *arguments)
    assert result.exit_code == status, result.output
    assert said in result.output
