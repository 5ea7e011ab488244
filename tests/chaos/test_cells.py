"""Two cells behind one address: each merchant reaches its own, and one moves to the other under load."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from stack.operate.moving.move import FROZEN_SECONDS, Cell, Move, Moved
from stack.stack import Ready
from tests.support.cells import TwoCells, two_cells
from tests.support.merchant.api import Identities
from tests.support.merchant.receiver import Receiver, serving
from tests.support.providers.sandbox import Provider
from tests.support.stack.traffic import Traffic
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("chaos-cells"), pytest.mark.slow]


@pytest.fixture(scope="module")
def cells() -> Iterator[TwoCells]:
    with two_cells() as cells:
        yield cells


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving() as receiver:
        yield receiver


def _receive(cells: TwoCells, key: str, receiver: Receiver) -> None:
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{cells.url}/v1/webhook_endpoints", json={"url": receiver.url}, headers=headers, timeout=30)
    receiver.secret = answer.raise_for_status().json()["secret"]


def _move(merchant: str, source: Ready, target: Ready) -> Moved:
    with Move(UUID(merchant), Cell.of(asdict(source)), Cell.of(asdict(target)), print) as move:
        # on a machine with much to do, some tries take too long
        return move.run(tries=20)


def _rows(ready: Ready, database: str, query: str) -> set[str]:
    with psycopg.connect(ready.database_urls[database]) as connection:
        return {str(row[0]) for row in connection.execute(query.encode())}


def test_each_merchant_reaches_the_cell_that_it_is_in(cells: TwoCells) -> None:
    for ready in (cells.first, cells.second):
        headers = {"authorization": f"Bearer {ready.merchant.api_key}"}
        order = {"amount": {"value": "1.00", "currency": "EUR"}}
        made = httpx.post(f"{cells.url}/v1/orders", json=order, headers=headers, timeout=30).raise_for_status()
        assert made.json()["order_id"] in _rows(ready, "orders", "SELECT order_id FROM orders")
    refused = httpx.get(f"{cells.url}/v1/orders", headers={"authorization": f"Bearer sk_test_{'x' * 43}"}, timeout=30)
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (401, "API_KEY_INVALID")


def test_merchant_moves_under_load_and_nothing_is_lost(cells: TwoCells, receiver: Receiver) -> None:
    identities = Identities(cells.first)
    merchant, key = identities.new_merchant()
    identities.close()
    _receive(cells, key.secret, receiver)
    moving = Traffic(cells.url, key.secret)
    beside = [Traffic(cells.url, one.merchant.api_key) for one in (cells.first, cells.second)]
    with beside[0].flowing(1), beside[1].flowing(1), moving.flowing():
        moving.more()
        moved = _move(merchant, cells.first, cells.second)
        moving.more()
    said = f"{moved}; {len(moving.payments)} payments, slowest answer {moving.slowest:.2f} s\n"
    sys.stdout.write(said)
    assert moving.failed == {}
    assert [one.failed for one in beside] == [{}, {}]
    assert moved.frozen_seconds <= FROZEN_SECONDS
    assert set(moving.orders) <= _rows(cells.second, "orders", "SELECT order_id FROM orders")
    assert set(moving.payments) <= _rows(cells.second, "payments", "SELECT payment_id FROM payments")
    assert not set(moving.orders) & _rows(cells.first, "orders", "SELECT order_id FROM orders")
    paid = "SELECT order_id FROM orders WHERE status = 'SUCCESS'"
    eventually(lambda: set(moving.orders) <= _rows(cells.second, "orders", paid), "every order paid")
    _told_once(receiver, moving.payments)


def _told_once(receiver: Receiver, payments: list[str]) -> None:
    """Hold every payment against what the merchant was told of it, before the move or after: by one event."""

    def told() -> list[tuple[str, str]]:
        events = [event for event in receiver.events() if event["type"] == "payment.succeeded"]
        return [(event["data"]["payment"]["payment_id"], event["id"]) for event in events]

    eventually(lambda: set(payments) <= {payment for payment, _ in told()}, "a webhook for every payment")
    arrived = told()
    assert len(set(arrived)) == len({payment for payment, _ in arrived})
    # one that was under way when the merchant was held may come again, under its id
    sys.stdout.write(f"{len(arrived)} webhooks of payments, of them again: {len(arrived) - len(set(arrived))}\n")


KILLED_WHEN: list[tuple[str, Callable[[str, str, bool], bool], float]] = [
    ("copies", lambda here, there, _: there == "ARRIVING", 0.4),
    ("holds", lambda here, there, _: here == "HELD", 0.5),
    ("has held for a while", lambda here, there, _: here == "HELD", 1.5),
    ("has given", lambda here, there, _: here in ("HELD", "MOVED") and not there, 0.0),
    ("tidies up", lambda here, there, left: here == "MOVED" and not left, 0.0),
]
"""When a mover is killed: by what both cells say of the merchant and whether it has payments left, and up to so many
seconds after that."""


def test_mover_is_killed_again_and_again_and_the_money_moves_once(cells: TwoCells, tmp_path: Path) -> None:
    identities = Identities(cells.first)
    merchant, key = identities.new_merchant()
    identities.close()
    sent = [_Sent(cells.url, key.secret) for _ in range(3)]
    before = [one.send() for one in sent]
    moving = Traffic(cells.url, key.secret, repeat=True)
    with moving.flowing(2):
        moving.more(10)
        for what, when, spread in KILLED_WHEN:
            _killed(merchant, cells, tmp_path, what, when, spread)
        moving.more(10)
        assert _run_mover(merchant, cells, tmp_path).wait(120) == 0
        moving.more(10)
    assert moving.failed == {}
    # what was asked for before is not done again, whichever cell is asked
    assert [one.send() for one in sent] == before
    orders, payments = (
        ("orders", "SELECT order_id FROM orders"),
        ("payments", "SELECT payment_id FROM payments"),
    )
    assert set(moving.orders) <= _rows(cells.second, *orders) - _rows(cells.first, *orders)
    assert set(moving.payments) <= _rows(cells.second, *payments) - _rows(cells.first, *payments)
    provider = Provider.of(cells.first)
    charged = {order: provider.charges(order) for order in [*moving.orders, *(one.order for one in sent)]}
    assert {order: found for order, found in charged.items() if found not in (["succeeded"], [])} == {}
    assert sum(map(len, charged.values())) == len(moving.payments) + len(sent)


class _Sent:
    """A payment that is asked for by one key, as often as anybody likes."""

    def __init__(self, url: str, secret: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {secret}"}, timeout=30)
        self._keys = [{"idempotency-key": str(uuid4())} for _ in range(2)]
        self.order = ""

    def send(self) -> tuple[bytes, bytes]:
        amount = {"amount": {"value": "1.00", "currency": "EUR"}}
        order = self._http.post("/v1/orders", json=amount, headers=self._keys[0]).raise_for_status()
        self.order = order.json()["order_id"]
        charge = {"order_id": self.order, "provider": "stripe", "payment_method": "pm_card_visa"}
        payment = self._http.post("/v1/payments", json=charge, headers=self._keys[1]).raise_for_status()
        return order.content, payment.content


def _killed(
    merchant: str, cells: TwoCells, folder: Path, what: str, when: Callable[[str, str, bool], bool], spread: float
) -> None:
    state = f"SELECT state FROM merchant_moves WHERE merchant_id = '{merchant}'"
    payments = f"SELECT payment_id FROM payments WHERE merchant_id = '{merchant}'"

    def stands() -> tuple[str, str, bool]:
        here, there = ("".join(_rows(one, "identity", state)) for one in (cells.first, cells.second))
        return here, there, bool(_rows(cells.first, "payments", payments))

    mover = _run_mover(merchant, cells, folder)
    eventually(lambda: when(*stands()) or mover.poll() is not None, f"a mover that {what}")
    with suppress(subprocess.TimeoutExpired):
        mover.wait(random.uniform(0, spread))
    mover.kill()
    sys.stdout.write(f"{what}: ended with {mover.wait()}, {stands()}\n")


def _run_mover(merchant: str, cells: TwoCells, folder: Path) -> subprocess.Popen[bytes]:
    files = {"--from": folder / "first.json", "--to": folder / "second.json"}
    for file, ready in zip(files.values(), (cells.first, cells.second), strict=True):
        file.write_text(json.dumps(asdict(ready)))
    ways = [str(word) for pair in files.items() for word in pair]
    return subprocess.Popen([sys.executable, "-m", "cli", "cell", "move", merchant, *ways, "--tries", "20"])
