"""`fusionxpay status`: what it says of processes that are well, that are not, and that do not answer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import parts
from cli.__main__ import app
from cli.commands.status import _print
from cli.parts import Part, grouped, look_at_parts
from mesh.alerts import rules
from mesh.alerts.growth import Growth
from mesh.alerts.rules import Problem, Process, Sample, problems
from stack.stack import Ready
from stack.state import ReadyFile
from tests.support.waiting import eventually

WRONG = {
    "fusionxpay_database_up": (0, {}, "DatabaseUnreachable"),
    "fusionxpay_nats_up": (0, {}, "NatsUnreachable"),
    "fusionxpay_event_loop_lag_seconds": (1.5, {}, "EventLoopBlocked"),
    "fusionxpay_clock_ahead_seconds": (-20, {}, "ClockSkewed"),
    "fusionxpay_certificate_expiry_time": (time.time() + 86400, {}, "CertificateExpiring"),
    "fusionxpay_outbox_oldest_seconds": (61, {}, "EventsNotPublished"),
    "fusionxpay_outbox_rows_set_aside": (1, {}, "EventSetAside"),
    "fusionxpay_dead_letters_open": (1, {"consumer": "notify_svc"}, "DeadLetterOpen"),
    "fusionxpay_provider_circuit_state": (2, {"provider": "stripe", "operation": "start"}, "ProviderFailing"),
    "fusionxpay_provider_events_oldest_seconds": (
        61,
        {"provider": "stripe", "accounts": "platform"},
        "ProviderEventsLate",
    ),
    "fusionxpay_operations_unknown_oldest_seconds": (
        901,
        {"provider": "stripe", "kind": "START", "accounts": "platform"},
        "OutcomeUnknown",
    ),
    "fusionxpay_refunds_pending_oldest_seconds": (864001, {"provider": "stripe"}, "RefundPending"),
    "fusionxpay_reviews_open": (1, {"kind": "AMOUNT_DIFFERS"}, "ReviewOpen"),
    "fusionxpay_dispute_next_deadline_seconds": (86400, {}, "DisputeDue"),
    "fusionxpay_backup_age_seconds": (26 * 3600 + 1, {}, "BackupOld"),
    "fusionxpay_reconciliation_differences": (2, {"provider": "stripe"}, "BooksDiffer"),
    "fusionxpay_reconciliation_age_seconds": (36 * 3600 + 1, {"provider": "stripe"}, "BooksNotCompared"),
    "fusionxpay_deliveries_due_oldest_seconds": (61, {"kind": "WEBHOOK"}, "DeliveriesLate"),
    "fusionxpay_endpoints_failing": (1, {"kind": "WEBHOOK"}, "EndpointFailing"),
    "fusionxpay_audit_backlog_bytes": (11e6, {}, "AuditBehind"),
    "fusionxpay_database_waiting": (3, {}, "DatabasePoolExhausted"),
    "fusionxpay_worker_last_success_time": (time.time() - 200, {"worker": "measures"}, "WorkerStuck"),
}


def test_days_whose_books_differ_stand_beneath_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [Problem("ReviewOpen", "one", page=False), Problem("BooksDiffer", "5 payments at stripe", page=False)]
    _print(Console(width=60), [], [], wrong, ["stripe: 2026-11-01 to 2026-11-02: 5 differences"])
    told = capsys.readouterr().out.splitlines()
    place = told.index("BooksDiffer: 5 payments at stripe")
    assert told[place + 1] == "  stripe: 2026-11-01 to 2026-11-02: 5 differences"
    assert sum("5 differences" in line for line in told) == 1


def test_each_condition_is_found_and_named() -> None:
    assert WRONG.keys() == {rule.series for rule in rules._RULES}
    for name, (value, labels, alert) in WRONG.items():
        found = problems([Process("order_svc", "a:1", [Sample(name, labels, value)])])
        assert [one.alert for one in found] == [alert]
        assert found[0].words.startswith("order_svc: ")


EVENTS, OPERATIONS = "fusionxpay_provider_events_oldest_seconds", "fusionxpay_operations_unknown_oldest_seconds"


@pytest.mark.parametrize(("series", "accounts", "age", "alert"), [
    (EVENTS, "platform", 60, ""), (EVENTS, "platform", 61, "ProviderEventsLate"),
    (EVENTS, "merchants", 3600, ""), (EVENTS, "merchants", 3601, "OwnAccountEventsLate"),
    (OPERATIONS, "platform", 900, ""), (OPERATIONS, "platform", 901, "OutcomeUnknown"),
    (OPERATIONS, "merchants", 3600, ""), (OPERATIONS, "merchants", 3601, "OwnAccountOutcomeUnknown"),
])  # fmt: skip
def test_account_of_a_merchants_own_gets_nobody_up(series: str, accounts: str, age: float, alert: str) -> None:
    """Whether it can be asked is the merchant's business; of the platform's accounts it is ours."""
    labels = {"provider": "stripe", "kind": "START", "accounts": accounts}
    sample = Sample(series, labels, age)
    found = problems([Process("payment_svc", "a:1", [sample])])
    assert [(one.alert, one.page) for one in found] == ([(alert, accounts == "platform")] if alert else [])


STRIPE = {"provider": "stripe", "accounts": "platform"}
Grown = list[tuple[str, dict[str, str], int]]
GROWN: dict[str, Grown] = {
    "DatabaseNotWritable": [("fusionxpay_database_failures_total", {"reason": "full"}, 1)],
    "Overloaded": [("fusionxpay_rpc_overloaded_total", {}, 1)],
    "RequestsFailing": [
        (
            "fusionxpay_rpc_server_total",
            {"method": "/fusionx.order.v1.OrderService/GetOrder", "code": "UNAVAILABLE"},
            2,
        ),
        ("fusionxpay_rpc_server_total", {"method": "/fusionx.order.v1.OrderService/GetOrder", "code": "OK"}, 8),
        ("fusionxpay_database_failures_total", {"reason": "no_answer"}, 2),
    ],
    "RedisAway": [("fusionxpay_locks_total", {"outcome": "away"}, 1)],
    "KeysRefused": [("fusionxpay_authorizations_total", {"outcome": "key_invalid"}, 51)],
    "WebhooksRejected": [
        ("fusionxpay_provider_webhooks_total", {"provider": "stripe", "result": "signature_invalid"}, 2),
        ("fusionxpay_provider_webhooks_total", {"provider": "stripe", "result": "accepted"}, 1),
    ],
    "ProviderFailing": [
        ("fusionxpay_provider_webhooks_total", {"provider": "stripe", "result": "accepted"}, 1),
        ("fusionxpay_provider_calls_total", {**STRIPE, "outcome": "CredentialsRefusedError"}, 2),
        ("fusionxpay_provider_calls_total", {**STRIPE, "outcome": "ok"}, 5),
    ],
    "ProviderSlow": [
        ("fusionxpay_provider_webhooks_total", {"provider": "stripe", "result": "accepted"}, 1),
        ("fusionxpay_provider_call_seconds_count", STRIPE, 5),
        ("fusionxpay_provider_call_seconds_bucket", {**STRIPE, "le": "2.5"}, 4),
    ],
}
GROWN |= {
    name: [("fusionxpay_alerts_total", {"alert": alert}, 1)]
    for name, alert in {
        "DeliveryFailedHere": "delivery_failed_here",
        "AuditNotAnchored": "audit_not_anchored",
        "AuditLineUnreadable": "audit_line_unreadable",
    }.items()
}
CALM: Grown = [
    ("fusionxpay_alerts_total", {"alert": "webhook_endpoint_disabled"}, 1),
    *(
        ("fusionxpay_provider_calls_total", {"provider": "stripe", "accounts": "merchants", "outcome": outcome}, 9)
        for outcome in ("CredentialsRefusedError", "UnavailableError")
    ),
    ("fusionxpay_provider_call_seconds_count", {"provider": "stripe", "accounts": "merchants"}, 9),
    ("fusionxpay_provider_calls_total", {**STRIPE, "outcome": "CredentialsRefusedError"}, 1),
    ("fusionxpay_provider_calls_total", {**STRIPE, "outcome": "ok"}, 5),
    ("fusionxpay_rpc_server_total", {"method": "/fusionx.order.v1.OrderService/GetOrder", "code": "UNAVAILABLE"}, 1),
    ("fusionxpay_rpc_server_total", {"method": "/fusionx.order.v1.OrderService/GetOrder", "code": "NOT_FOUND"}, 9),
    ("fusionxpay_rpc_server_total", {"method": "/grpc.health.v1.Health/Check", "code": "UNAVAILABLE"}, 9),
    ("fusionxpay_database_failures_total", {"reason": "unreachable"}, 1),
    ("fusionxpay_authorizations_total", {"outcome": "key_invalid"}, 51),
    ("fusionxpay_authorizations_total", {"outcome": "allowed"}, 52),
    ("fusionxpay_provider_webhooks_total", {"provider": "stripe", "result": "signature_invalid"}, 1),
    ("fusionxpay_provider_webhooks_total", {"provider": "stripe", "result": "repeated"}, 1),
    ("fusionxpay_provider_call_seconds_count", STRIPE, 10),
    ("fusionxpay_provider_call_seconds_bucket", {**STRIPE, "le": "2.5"}, 9),
]


def looks(grown: Grown) -> Growth:
    """Two looks at a process, whose counters stood at 7 and have grown."""
    before = [Sample(name, labels, 7) for name, labels, _ in grown]
    after = [Sample(name, labels, 7 + by) for name, labels, by in grown]
    return Growth([Process("order_svc", "a:1", before)], [Process("order_svc", "a:1", after)], 5)


@pytest.mark.parametrize("alert", GROWN)
def test_what_has_grown_between_two_looks_is_named(alert: str) -> None:
    assert [one.alert for one in looks(GROWN[alert]).problems()] == [alert]


@pytest.mark.parametrize("outcome", [
    "UnavailableError", "CredentialsRefusedError", "OutcomeUnknownError", "UnreadableAnswerError",
])  # fmt: skip
def test_provider_fails_by_a_quarter_of_at_least_five_calls(outcome: str) -> None:
    def found(failed: int, well: int) -> list[str]:
        calls, webhooks = "fusionxpay_provider_calls_total", "fusionxpay_provider_webhooks_total"
        grown = [(calls, {**STRIPE, "outcome": outcome}, failed), (calls, {**STRIPE, "outcome": "ok"}, well)]
        grown.append((webhooks, {"provider": "stripe", "result": "accepted"}, 1))
        return [one.alert for one in looks(grown).problems()]

    assert found(2, 3) == ["ProviderFailing"]
    assert found(4, 0) == found(2, 6) == []


def test_requests_that_fail_name_how_their_database_did() -> None:
    (failing,) = looks(GROWN["RequestsFailing"]).problems()
    assert failing.words == "order_svc: 2 of 10 requests failed (UNAVAILABLE); its database: no_answer"


def test_what_may_grow_is_no_problem_nor_what_was_not_seen_before() -> None:
    assert looks(CALM).problems() == []
    fresh = [Sample(name, labels, by) for grown in GROWN.values() for name, labels, by in grown]
    assert Growth([], [Process("order_svc", "a:1", fresh)], 5).problems() == []


@pytest.mark.parametrize(("waiting", "applied", "stuck"), [((3, 5), 0, True), ((3, 5), 1, False), ((0, 5), 0, False)])
def test_consumer_that_applies_nothing_of_what_it_has_is_stuck(
    waiting: tuple[int, int], applied: int, stuck: bool
) -> None:
    def look(events: int, done: int) -> Process:
        mine = {"consumer": "notify_svc_events"}
        samples = [
            Sample("fusionxpay_database_up", {}, 1),
            Sample("fusionxpay_consumer_waiting", mine, events),
            Sample("fusionxpay_consumer_unacknowledged", mine, float("nan")),
            Sample("fusionxpay_events_consumed_total", mine | {"outcome": "applied"}, done),
        ]
        return Process("notify_svc", "a:1", samples)

    found = Growth([look(waiting[0], 4)], [look(waiting[1], 4 + applied)], 5).problems()
    assert [one.alert for one in found] == (["ConsumerStuck"] if stuck else [])


@pytest.mark.parametrize(("failing", "failed", "delivered", "alerts"), [
    (3, 3, 0, ["NothingDelivered"]), (3, 3, 1, []), (2, 9, 0, []), (3, 2, 0, []),
])  # fmt: skip
def test_nothing_that_goes_out_is_found(failing: int, failed: int, delivered: int, alerts: list[str]) -> None:
    def look(failed: int, delivered: int) -> Process:
        samples = [Sample("fusionxpay_endpoints_failing", {"kind": "WEBHOOK"}, failing)]
        for outcome, number in (("PENDING", failed), ("FAILED", 0), ("DELIVERED", delivered)):
            samples.append(Sample("fusionxpay_deliveries_total", {"kind": "WEBHOOK", "outcome": outcome}, number))
        return Process("notify_svc", "a:1", samples)

    found = Growth([look(7, 7)], [look(7 + failed, 7 + delivered)], 5).problems()
    assert [one.alert for one in found] == alerts


def test_what_is_well_or_not_known_is_no_problem() -> None:
    well = [
        Sample("fusionxpay_database_up", {}, 1),
        Sample("fusionxpay_dispute_next_deadline_seconds", {}, float("nan")),
    ]
    assert problems([Process("payment_svc", "a:1", well)]) == []


def test_who_does_not_answer_comes_first() -> None:
    failing = Process("notify_svc", "a:1", [Sample("fusionxpay_endpoints_failing", {"kind": "PUSH"}, 1)])
    found = problems([failing, Process("order_svc", "b:2")])
    assert [(one.alert, one.page) for one in found] == [("ServiceDown", True), ("EndpointFailing", False)]


def saying(series: dict[str, float], *components: str) -> list[Process]:
    """Processes that all say the same."""
    return [Process(one, "a:1", [Sample(name, {}, value) for name, value in series.items()]) for one in components]


def test_what_several_say_alike_is_one_line() -> None:
    wrong = {"fusionxpay_database_up": 0.0}
    assert [one.words for one in problems(saying(wrong, "a", "b", "c"))] == [
        "all 3 services: its database does not answer"
    ]
    mixed = [*saying(wrong, "a", "b"), *saying({"fusionxpay_database_up": 1.0}, "c")]
    assert [one.words for one in problems(mixed)] == ["a, b: its database does not answer"]


def test_who_waits_for_a_database_that_is_away_is_no_second_problem() -> None:
    found = problems(saying({"fusionxpay_database_up": 0, "fusionxpay_database_waiting": 9}, "order_svc"))
    assert [one.alert for one in found] == ["DatabaseUnreachable"]


@pytest.mark.parametrize(("worker", "age", "up", "alerts"), [
    ("outbox-relay", 200, {}, ["WorkerStuck"]), ("outbox-relay", 150, {}, []), ("resealing", 3000, {}, []),
    ("outbox-relay", 200, {"fusionxpay_nats_up": 0}, ["NatsUnreachable"]),
    ("outbox-relay", 200, {"fusionxpay_database_up": 0}, ["DatabaseUnreachable"]),
])  # fmt: skip
def test_loop_that_does_nothing_is_found_unless_what_it_needs_is_away(
    worker: str, age: float, up: dict[str, float], alerts: list[str]
) -> None:
    (process,) = saying(up, "order_svc")
    last = Sample("fusionxpay_worker_last_success_time", {"worker": worker}, time.time() - age)
    found = problems([Process("order_svc", "a:1", [*process.samples, last])])
    assert [one.alert for one in found] == alerts


def test_certificate_that_has_ended_is_not_told_to_end_and_comes_before_what_follows() -> None:
    found = problems(
        saying({"fusionxpay_certificate_expiry_time": time.time() - 60, "fusionxpay_nats_up": 0}, "order_svc")
    )
    assert [one.alert for one in found] == ["CertificateExpiring", "NatsUnreachable"]
    assert "HAS ENDED" in found[0].words


@pytest.fixture
def frozen() -> Iterator[str]:
    """The address of a server that is frozen: the kernel takes connections, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_part_without_metrics_that_is_frozen_or_gone_is_named(frozen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SECONDS", 0.3)
    ready = {
        "edge_url": f"http://{frozen}",
        "database_urls": {"orders": "postgresql://orders:secret@127.0.0.1:1/orders"},
        "nats_url": f"nats://{frozen}",
        "redis_url": f"redis://:secret@{frozen}",
        "sandbox_url": f"http://{frozen}",
    }
    found = grouped(look_at_parts(ready), [])
    assert [(one.alert, one.words.partition(" ")[0], one.page) for one in found] == [
        ("ServiceDown", "envoy", True),
        ("DatabaseUnreachable", "postgres", True),
        ("NatsUnreachable", "nats", True),
        ("RedisAway", "valkey", False),
        ("ServiceDown", "sandbox", False),
    ]
    assert not any("secret" in one.words for one in found)


def test_what_follows_from_a_part_is_told_beneath_it() -> None:
    nats, envoy = Part("nats", "a:1", "does not answer"), Part("envoy", "b:1")
    lost = [Problem("DeadLetterOpen", "notify_svc: 1"), Problem("NatsUnreachable", "all 6 services: no connection")]
    found = grouped([nats, envoy], lost)
    assert [(one.words.partition(" ")[0], one.follows_from) for one in found] == [
        ("nats", ""), ("all", "nats"), ("notify_svc:", ""),
    ]  # fmt: skip
    assert grouped([nats, Part("nats", "b:1")], lost)[-1].page is False


def test_cause_that_is_no_page_is_told_last_and_what_follows_beneath_it() -> None:
    away = [Part(name, "a:1", "does not answer") for name in ("postgres", "valkey", "sandbox")]
    lost = [Problem(name, name) for name in ("ProviderFailing", "DeadLetterOpen", "RedisAway", "RequestsFailing")]
    found = grouped(away, lost)
    assert [(one.words.partition(" ")[0], one.follows_from) for one in found] == [
        ("postgres", ""), ("RequestsFailing", "postgres"), ("DeadLetterOpen", ""),
        ("valkey", ""), ("RedisAway", "valkey"), ("sandbox", ""), ("ProviderFailing", "sandbox"),
    ]  # fmt: skip


def test_services_that_run_are_shown_and_one_that_is_not_there_is_named(gateway: Ready, tmp_path: Path) -> None:
    def say(**metrics: str) -> dict[str, Any]:
        ready = tmp_path / "ready.json"
        ready.write_text(json.dumps({"metrics": metrics}))
        done = CliRunner().invoke(app, ["status", "--json", "--over", "0", "--ready-file", str(ready)])
        said: dict[str, Any] = json.loads(done.stdout)
        return said | {"status": done.exit_code}

    def all_are_well() -> bool:
        rows = say(**gateway.metrics)["processes"]
        assert [row["component"] for row in rows] == list(gateway.metrics)
        return all(row["answers"] and row["database"] and row["nats"] and row["revision"] for row in rows)

    eventually(all_are_well, "all services say that they are well")
    assert {one.name: one.wrong for one in look_at_parts(asdict(gateway))} == dict.fromkeys(
        ("envoy", "postgres", "nats", "valkey", "sandbox"), ""
    )
    away = say(order_svc="127.0.0.1:1")
    assert away["status"] == 69
    assert away["problems"] == [
        {
            "alert": "ServiceDown",
            "words": "order_svc does not answer at 127.0.0.1:1",
            "page": True,
            "follows_from": "",
            "runbook": "docs/runbooks/ServiceDown.md",
        }
    ]


def test_text_has_the_runbooks_page_and_breaks_no_count(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {(provider, "REQUIRES_ACTION"): 8 for provider in ("bank_transfer", "paypal", "stripe")}
    process = Process("payment_svc", "a:1", [
        Sample("fusionxpay_payments_open", {"provider": provider, "status": status}, value)
        for (provider, status), value in counts.items()
    ])  # fmt: skip
    _print(Console(width=80), [Part("nats", "a:1", "x")], [process], [Problem("NatsUnreachable", "nats " + "x" * 90)])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.count("REQUIRES_ACTION 8") for line in lines) == 3
    assert lines[-2:] == ["NatsUnreachable: nats " + "x" * 90, "  -> docs/runbooks/NatsUnreachable.md"]


def test_address_that_is_none_is_refused() -> None:
    assert CliRunner().invoke(app, ["status", "--metrics", "x"]).exit_code == 2


def test_where_nothing_runs_it_says_so(tmp_path: Path) -> None:
    place = tmp_path / "ready.json"
    done = CliRunner().invoke(app, ["status", "--ready-file", str(place)])
    assert (done.exit_code, "nothing runs here" in done.stderr) == (69, True)
    with ReadyFile(place):
        starting = CliRunner().invoke(app, ["status", "--ready-file", str(place)])
    assert (starting.exit_code, "starts, or ends" in starting.stderr) == (69, True)


def test_ready_file_that_a_killed_stack_left_is_one_line(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    said = json.dumps({"metrics": {"edge": "127.0.0.1:1", "order_svc": "127.0.0.1:2"}, "pids": {"edge": 0}})
    ready.write_text(said)
    done = CliRunner().invoke(app, ["status", "--json", "--over", "0", "--ready-file", str(ready)])
    (only,) = json.loads(done.stdout)["problems"]
    assert (done.exit_code, only["alert"]) == (69, "ServiceDown")
    assert "has ended" in only["words"]
    with ReadyFile(ready) as running:
        running.write(said)
        done = CliRunner().invoke(app, ["status", "--json", "--over", "0", "--ready-file", str(ready)])
    (only,) = json.loads(done.stdout)["problems"]
    assert only["words"] == "none of the 2 services answers: edge, order_svc"
