"""`fusionxpay reconcile` as its runbook has it: until now, and of all providers."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from rich.console import Console
from typer.testing import CliRunner

from cli.__main__ import app
from cli.commands import reconcile
from cli.standing_books import lines, look
from mesh.rpc.comparison_spans import spans
from stack.stack import Ready


def test_all_providers_are_compared_until_now(gateway: Ready, tmp_path: Path) -> None:
    place = tmp_path / "ready.json"
    place.write_text(json.dumps(asdict(gateway)))
    before = datetime.now(UTC)
    since = f"{before - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    done = CliRunner().invoke(app, ["reconcile", "--from", since, "--json", "--ready-file", str(place)])
    assert done.exit_code in (0, 1), done.output
    found = json.loads(done.stdout)
    assert sorted(one["provider"] for one in found) == ["bank_transfer", "paypal", "stripe"]
    assert all(datetime.fromisoformat(one["to"]) >= before for one in found)


def test_provider_that_does_not_answer_hides_no_other(
    gateway: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ready.json"
    place.write_text(json.dumps(asdict(gateway)))
    compared = reconcile._compared

    def one_is_away(stub: Any, provider: str, spans: Any) -> Any:
        if provider == "bank_transfer":
            raise grpc.RpcError("bank_transfer does not answer")
        return compared(stub, provider, spans)

    monkeypatch.setattr(reconcile, "_compared", one_is_away)
    since = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    done = CliRunner().invoke(app, ["reconcile", "--from", since, "--json", "--ready-file", str(place)])
    assert done.exit_code == 69
    assert "bank_transfer does not answer" in done.stderr
    assert sorted(one["provider"] for one in json.loads(done.stdout)) == ["paypal", "stripe"]


NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Kind = provider_pb2.Discrepancy.Kind


class Answers:
    """A payment service that answers about one span after the other."""

    def __init__(self, *parts: provider_pb2.CompareBooksResponse) -> None:
        self.parts = list(parts)
        self.asked: list[tuple[datetime, datetime]] = []

    def CompareBooks(  # noqa: N802  # the name of the RPC
        self, request: provider_pb2.CompareBooksRequest, timeout: float
    ) -> provider_pb2.CompareBooksResponse:
        """Answer about a span."""
        assert timeout
        self.asked.append((request.from_time.ToDatetime(UTC), request.to_time.ToDatetime(UTC)))
        return self.parts.pop(0)


def part(until: datetime, *found: tuple[Kind.ValueType, str, str]) -> provider_pb2.CompareBooksResponse:
    answer = provider_pb2.CompareBooksResponse(provider_payments=2, our_payments=1)
    answer.compared_until_time.FromDatetime(until)
    for kind, payment_id, reference in found:
        answer.discrepancies.add(kind=kind, payment_id=payment_id, provider_reference=reference)
    return answer


def test_what_differs_around_midnight_is_told_once() -> None:
    """A payment of before midnight that the provider lists after it was in both days' differences."""
    late = (Kind.STATE_DIFFERS, "p1", "o1")
    stub: Any = Answers(
        part(NOON + DAY / 2, late, (Kind.MISSING_HERE, "", "o2")),
        part(NOON + 3 * DAY / 2, late, (Kind.MISSING_HERE, "", "o3"), (Kind.AMOUNT_DIFFERS, "p1", "o1")),
        part(NOON + 3 * DAY / 2),
    )
    days = list(spans(NOON, NOON + 2 * DAY))
    total = reconcile._compared(stub, "paypal", days)
    told = [(one.kind, one.payment_id, one.provider_reference) for one in total.discrepancies]
    assert told == [
        late, (Kind.MISSING_HERE, "", "o2"), (Kind.MISSING_HERE, "", "o3"), (Kind.AMOUNT_DIFFERS, "p1", "o1")
    ]  # fmt: skip
    assert (total.provider_payments, total.our_payments) == (6, 3)
    assert total.compared_until_time.ToDatetime(UTC) == NOON + 3 * DAY / 2
    assert stub.asked == days


def test_long_time_is_cut_at_midnight() -> None:
    midnight = NOON + DAY / 2
    assert list(spans(NOON, NOON + DAY)) == [(NOON, midnight), (midnight, NOON + DAY)]
    assert list(spans(midnight, midnight + 2 * DAY)) == [
        (midnight, midnight + DAY),
        (midnight + DAY, midnight + 2 * DAY),
    ]
    assert list(spans(NOON, NOON)) == []


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (part(NOON, *[]), 75, "nothing was compared"),
        (part(NOON + DAY), 0, "The records agree, until 2026-11-02T12:00:00Z."),
        (part(NOON + DAY), 0, "2 payments there, 1 here (those that took no money may be in one list alone), until"),
        (provider_pb2.CompareBooksResponse(), 0, "The records agree."),
        (part(NOON + DAY, (Kind.MISSING_HERE, "", "o2")), 1, "no payment of ours records"),
    ],
)
def test_it_is_said_until_when_was_compared(
    gateway: Ready,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: provider_pb2.CompareBooksResponse,
    code: int,
    said: str,
) -> None:
    """Nothing was compared with nothing, and the records agreed."""
    place = tmp_path / "ready.json"
    place.write_text(json.dumps(asdict(gateway)))
    monkeypatch.setattr(reconcile, "_compared", lambda *_: answer)
    command = ["reconcile", "--provider", "stripe", "--from", "2026-11-01T12:00:00", "--ready-file", str(place)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == code, done.output
    assert said in " ".join(done.output.split())


def test_row_without_a_payment_says_which_one_the_object_names(capsys: pytest.CaptureFixture[str]) -> None:
    """After a restore nothing else tells whose money it is; the words are the provider's, and may be anything."""
    found = part(NOON + DAY, (Kind.MISSING_HERE, "", "pi_1"), (Kind.STATE_DIFFERS, "p1", "pi_2"))
    found.discrepancies[0].claimed_payment_id = "0a[/b]1"
    found.discrepancies[1].claimed_payment_id = "p1"
    reconcile._print(Console(), "stripe", NOON, found)
    head, first, second = (line for line in capsys.readouterr().out.splitlines() if "payment " in line or "pi_" in line)
    assert "the object names" in head
    assert "none" in first
    assert "0a[/b]1" in first
    assert second.count("p1") == 1


def test_time_that_has_not_begun_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["reconcile", "--from", "2100-01-01", "--ready-file", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "future" in done.output


def test_days_that_differ_are_told_by_the_command_alone(gateway: Ready, tmp_path: Path) -> None:
    place = tmp_path / "ready.json"
    place.write_text(json.dumps(asdict(gateway)))
    since = f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    common = ["--provider", "stripe", "--ready-file", str(place)]
    CliRunner().invoke(app, ["reconcile", "--from", since, *common])
    done = CliRunner().invoke(app, ["reconcile", *common])
    assert done.exit_code in (0, 1), done.output
    assert "stripe: last compared 20" in done.output
    [shown] = json.loads(CliRunner().invoke(app, ["reconcile", "--json", *common]).stdout)
    assert (shown["provider"], bool(shown["differences"])) == ("stripe", done.exit_code == 1)
    assert {one.provider for one in look(asdict(gateway))} >= {"stripe"}


def test_span_that_differs_is_a_line() -> None:
    books = provider_pb2.ComparedBooks(provider="stripe", differences=3)
    for day, number in ((NOON, 1), (NOON - DAY, 2)):
        span = books.spans.add(differences=number)
        span.from_time.FromDatetime(day)
        span.to_time.FromDatetime(day + DAY)
    assert lines([books]) == [
        "stripe: 2026-11-01T12:00:00Z to 2026-11-02T12:00:00Z: 1 difference",
        "stripe: 2026-10-31T12:00:00Z to 2026-11-01T12:00:00Z: 2 differences",
    ]
    assert list(look({"services": {}})) == []
