"""`fusionxpay status`: what it says of processes that are well, that are not, and that do not answer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import scrape
from cli.__main__ import app
from cli.scrape import Process, Sample, problems
from stack.stack import Ready
from tests.support.waiting import eventually

WRONG = {
    "fusionxpay_database_up": (0, {}, "DatabaseUnreachable"),
    "fusionxpay_nats_up": (0, {}, "NatsUnreachable"),
    "fusionxpay_event_loop_lag_seconds": (1.5, {}, "EventLoopBlocked"),
    "fusionxpay_clock_ahead_seconds": (-20, {}, "ClockSkewed"),
    "fusionxpay_certificate_expiry_time": (time.time() + 86400, {}, "CertificateExpiring"),
    "fusionxpay_outbox_oldest_seconds": (61, {}, "EventsNotPublished"),
    "fusionxpay_dead_letters_open": (1, {"consumer": "notify_svc"}, "DeadLetterOpen"),
    "fusionxpay_provider_circuit_state": (2, {"provider": "stripe", "operation": "start"}, "ProviderFailing"),
    "fusionxpay_provider_events_oldest_seconds": (61, {"provider": "stripe"}, "ProviderEventsLate"),
    "fusionxpay_operations_unknown_oldest_seconds": (901, {"provider": "stripe", "kind": "START"}, "OutcomeUnknown"),
    "fusionxpay_reviews_open": (1, {"kind": "AMOUNT_DIFFERS"}, "ReviewOpen"),
    "fusionxpay_dispute_next_deadline_seconds": (86400, {}, "DisputeDue"),
    "fusionxpay_reconciliation_differences": (2, {"provider": "stripe"}, "BooksDiffer"),
    "fusionxpay_deliveries_due_oldest_seconds": (61, {"kind": "WEBHOOK"}, "DeliveriesLate"),
    "fusionxpay_endpoints_failing": (1, {"kind": "WEBHOOK"}, "EndpointFailing"),
    "fusionxpay_audit_backlog_bytes": (11e6, {}, "AuditBehind"),
    "fusionxpay_database_waiting": (3, {}, "DatabasePoolExhausted"),
}


def test_each_condition_is_found_and_named() -> None:
    assert WRONG.keys() == {rule.series for rule in scrape._RULES}
    for name, (value, labels, alert) in WRONG.items():
        found = problems([Process("order_svc", "a:1", [Sample(name, labels, value)])])
        assert [one.alert for one in found] == [alert]
        assert found[0].words.startswith("order_svc: ")


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


def test_services_that_run_are_shown_and_one_that_is_not_there_is_named(gateway: Ready, tmp_path: Path) -> None:
    def say(**metrics: str) -> dict[str, Any]:
        ready = tmp_path / "ready.json"
        ready.write_text(json.dumps({"metrics": metrics}))
        done = CliRunner().invoke(app, ["status", "--json", "--ready-file", str(ready)])
        said: dict[str, Any] = json.loads(done.stdout)
        return said | {"status": done.exit_code}

    def all_are_well() -> bool:
        rows = say(**gateway.metrics)["processes"]
        assert [row["component"] for row in rows] == list(gateway.metrics)
        return all(row["answers"] and row["database"] and row["nats"] and row["revision"] for row in rows)

    eventually(all_are_well, "all services say that they are well")
    away = say(order_svc="127.0.0.1:1")
    assert away["status"] == 69
    assert away["problems"] == [
        {"alert": "ServiceDown", "words": "order_svc does not answer at 127.0.0.1:1", "page": True}
    ]


@pytest.mark.parametrize("arguments", [["status", "--ready-file", "/nowhere"], ["status", "--metrics", "x"]])
def test_command_that_knows_no_address_says_what_is_missing(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
