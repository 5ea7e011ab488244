"""`fusionxpay listen` and `fusionxpay events`, as a merchant's developer runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.commands.listen import Road
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.receiver import Receiver, serving
from tests.support.waiting import eventually

Run = Callable[..., str]


@pytest.fixture
def env(gateway: Ready, merchant: Merchant, tmp_path: Path) -> dict[str, str]:
    """The environment of a developer with a home of their own."""
    known = {"FUSIONXPAY_GATEWAY": gateway.edge_url, "FUSIONXPAY_API_KEY": merchant.secret, "COLUMNS": "250"}
    return known | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def run(env: dict[str, str]) -> Run:
    """Run `fusionxpay events` and return what it prints."""

    def run(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, ["events", *arguments], env=env)
        assert result.exit_code == status, result.output
        return str(result.output)

    return run


@contextmanager
def listening(env: dict[str, str], *arguments: str) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """Run `fusionxpay listen` while the block runs, and then end it by Ctrl-C; what it prints is in the file."""
    file = Path(env["HOME"]) / "printed"
    said = Path(env["HOME"]) / "said"
    with file.open("wb") as out, said.open("wb") as err:
        listener = subprocess.Popen(
            [sys.executable, "-m", "cli", "listen", *arguments], env=os.environ | env, stdout=out, stderr=err
        )
    try:
        eventually(lambda: "Listening" in said.read_text() or listener.poll() is not None, "the listener")
        assert listener.poll() is None, said.read_text()
        yield file, listener
        listener.send_signal(signal.SIGINT)
        assert listener.wait(20) == 0, said.read_text()
        assert "Traceback" not in said.read_text()
    finally:
        listener.kill()
        listener.wait()


def printed(file: Path, count: int) -> list[list[str]]:
    """Wait until so many events were printed, and return each one's words."""

    def found() -> list[list[str]]:
        lines = [line.split() for line in file.read_text().splitlines() if line[:2] == "20"]
        return lines if len(lines) >= count else []

    return eventually(found, f"{count} events printed")


def test_events_are_posted_signed_and_printed(env: dict[str, str], merchant: Merchant) -> None:
    with serving() as receiver, listening(env, "--forward-to", receiver.url) as (file, _):
        receiver.secret = file.read_text().split()[-1]
        receiver.fail_next(1)
        order_id = merchant.new_order()["order_id"]
        merchant.post(f"/v1/orders/{order_id}/cancel", {})
        first, second = printed(file, 2)
        # the receiver verifies the signature
        told = {event["type"]: event for event in receiver.events()}
    assert [first[1:2], second[1:2]] == [["order.created"], ["order.cancelled"]]
    assert [first[3], second[3]] == ["500", "204"]
    assert told["order.cancelled"]["id"] == second[2]
    assert told["order.cancelled"]["timestamp"] == second[0]
    assert told["order.cancelled"]["data"]["order"]["order_id"] == order_id


def test_secret_stays_and_is_private(env: dict[str, str]) -> None:
    secrets = set()
    for _ in range(2):
        with serving() as receiver, listening(env, "--forward-to", receiver.url) as (file, _):
            secrets.add(file.read_text().split()[-1])
    (stored,) = Path(env["XDG_CONFIG_HOME"]).rglob("listen-secret")
    assert secrets == {stored.read_text()}
    assert stored.stat().st_mode & 0o077 == 0


def test_documents_are_printed_from_an_event_on_and_by_type(
    env: dict[str, str], merchant: Merchant, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    (created,) = receiver.wait_for("order.created")
    merchant.charge(order_id)
    (succeeded,) = receiver.wait_for("order.succeeded")
    wanted = ["--json", "--from", created["id"], "--events", "order.succeeded, refund.*"]
    with listening(env, *wanted) as (file, _):
        (line,) = eventually(lambda: file.read_text().splitlines(), "the event printed")
    assert json.loads(line) == succeeded


def test_event_with_a_separator_of_lines_in_it_is_printed_whole(env: dict[str, str], merchant: Merchant) -> None:
    words = "one\u2028two\x85three"
    with listening(env, "--json") as (file, _):
        merchant.new_order(description=words)
        (line,) = eventually(lambda: file.read_bytes().splitlines(), "the event printed")
    assert json.loads(line)["data"]["order"]["description"] == words


@pytest.mark.parametrize("config", [None, "/dev/null"], ids=["no home", "home that holds nothing"])
def test_secret_is_made_where_none_can_be_kept(
    config: str | None, env: dict[str, str], merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    # a user whom the system does not know, as in a container
    monkeypatch.setattr("pwd.getpwuid", nobody)
    refused = env | {"FUSIONXPAY_API_KEY": "sk_test_x", "HOME": None, "XDG_CONFIG_HOME": config}
    result = CliRunner().invoke(app, ["listen", "--forward-to", "http://127.0.0.1:9"], env=refused)
    assert result.exit_code == 69, result.output
    assert "Events are signed with whsec_" in result.output
    assert "FUSIONXPAY_LISTEN_SECRET" in result.output


def test_server_that_is_not_there_is_told_and_listening_goes_on(env: dict[str, str], merchant: Merchant) -> None:
    with listening(env, "--forward-to", "http://127.0.0.1:9/hook") as (file, _):
        merchant.new_order()
        merchant.new_order()
        found = printed(file, 2)
    assert [" ".join(words[3:]) for words in found] == ["no answer (Connection refused)"] * 2


def test_events_come_twice_and_out_of_order_where_that_is_wanted(env: dict[str, str], merchant: Merchant) -> None:
    road = ["--duplicate", "--reorder"]
    with serving() as receiver, listening(env, "--forward-to", receiver.url, *road) as (file, _):
        receiver.secret = file.read_text().split()[-1]
        order_id = merchant.new_order()["order_id"]
        merchant.post(f"/v1/orders/{order_id}/cancel", {})
        lines = printed(file, 4)
        came = [event["type"] for event in receiver.events()]
    assert [line[3] for line in lines] == ["204"] * 4
    assert came == ["order.cancelled"] * 2 + ["order.created"] * 2


def test_when_an_event_is_posted() -> None:
    assert Road().posts(0) == [0]
    assert Road(duplicate=True, delay=3).posts(1) == [3, 3]
    assert [Road(reorder=True).posts(number) for number in range(3)] == [[2], [0], [2]]
    assert Road(drop_then_resend=True, delay=1).posts(0) == [6]


@pytest.mark.parametrize(
    ("arguments", "change", "status", "said"),
    [
        (["--from", "01a2082a-1f0c-7a51-9f9e-6f6f0a4c2b11"], {}, 69, "EVENT_NOT_FOUND"),
        (["--events", "order.canceled"], {}, 69, "order.cancelled"),
        ([], {"FUSIONXPAY_API_KEY": "sk_test_x"}, 69, "API_KEY_INVALID"),
        ([], {"FUSIONXPAY_API_KEY": ""}, 2, "FUSIONXPAY_API_KEY"),
        (["--forward-to", "http://x"], {"FUSIONXPAY_LISTEN_SECRET": "whsec_!"}, 2, "FUSIONXPAY_LISTEN_SECRET"),
        (["--duplicate"], {}, 2, "--forward-to"),
        (["--forward-to", "localhost:3000/hook"], {}, 2, "'localhost:3000/hook' must begin with http://"),
        ([], {"FUSIONXPAY_GATEWAY": "127.0.0.1:8080"}, 2, "'127.0.0.1:8080' must begin with http://"),
    ],
)
def test_what_the_gateway_refuses_ends_it(
    arguments: list[str], change: dict[str, str], status: int, said: str, env: dict[str, str]
) -> None:
    result = CliRunner().invoke(app, ["listen", *arguments], env=env | change)
    assert result.exit_code == status, result.output
    assert said in result.output


def test_events_are_listed_shown_and_sent_again(run: Run, merchant: Merchant, receiver: Receiver) -> None:
    order_id = merchant.new_order()["order_id"]
    (created,) = receiver.wait_for("order.created")
    merchant.post(f"/v1/orders/{order_id}/cancel", {})
    (cancelled,) = receiver.wait_for("order.cancelled")
    listed = json.loads(run("list", "--json", "--order", order_id, "--type", "order.*"))
    assert [event["event_id"] for event in listed] == [cancelled["id"], created["id"]]
    assert created["id"] in run("list")
    shown = json.loads(run("show", created["id"]))
    assert shown["data"] == created["data"]
    assert shown["deliveries"]
    receiver.requests.clear()
    assert "1 deliveries" in run("resend", created["id"])
    receiver.wait_for("order.created")
    receiver.requests.clear()
    span = ["--from", "2000-01-01", "--to", "2000-01-02"]
    assert "0 events" in run("resend", *span)
    day = created["timestamp"][:10]
    said = run("resend", "--from", day, "--to", f"{day}T23:59:59Z", "--type", "order.cancelled")
    assert said == "1 events, 1 deliveries on their way\n"
    receiver.wait_for("order.cancelled")
    assert len(receiver.requests) == 1
    assert "say an event's id, or --from and --to" in run("resend", status=2)
    assert "say an event's id, or --from and --to" in run("resend", created["id"], *span, status=2)
    assert "EVENT_NOT_FOUND" in run("show", "01a2082a-1f0c-7a51-9f9e-6f6f0a4c2b11", status=69)
