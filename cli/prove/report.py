"""The table, and the story of an order that something is wrong with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from cli.prove.compare import Comparison, Finding, Kind
from cli.prove.evidence import Evidence
from cli.tables import show_table

STORIES = 5
"""How many orders' stories are told."""


def show(console: Console, evidence: Evidence, verdict: Comparison, title: str) -> None:
    """Print the table."""
    log = evidence.log
    table = Table("", "count", "", title=title)
    statuses = ", ".join(f"{n} {name}" for name, n in _counted(one["status"] for one in evidence.payments))
    providers = ", ".join(f"{n} {name}" for name, n in _counted(one["provider"] for one in evidence.payments))
    table.add_row("orders", str(len(evidence.orders)), "")
    table.add_row("payments", str(len(evidence.payments)), f"{statuses}; {providers}")
    table.add_row("captures", str(verdict.captures), "")
    table.add_row("refunds", str(len(evidence.refunds)), "")
    table.add_row("events", str(len(evidence.events)), f"{len(evidence.received)} deliveries")
    answers = ", ".join(f"{n} of {status or 'none'}" for status, n in sorted(log.answers.items()))
    table.add_row("answers", str(log.answers.total()), answers)
    table.add_row("kills", str(log.kills.total()), ", ".join(f"{n} {name}" for name, n in log.kills.most_common()))
    table.add_row("faults", str(log.faults.total()), ", ".join(f"{n} {name}" for name, n in log.faults.most_common()))
    table.add_section()
    for kind in Kind:
        found = sum(finding.kind == kind for finding in verdict.findings)
        table.add_row(kind, str(found), "", style="red" if found else "green")
    table.add_section()
    waiting = ", ".join(f"{n} {name}" for name, n in _counted(verdict.waiting.values()))
    table.add_row("waiting", str(len(verdict.waiting)), waiting)
    table.add_row("review", str(len(verdict.review)), "for a person to answer")
    show_table(table, console)


def tell(console: Console, evidence: Evidence, verdict: Comparison) -> None:
    """Print what is broken, and the stories of the first orders of it."""
    for finding in verdict.findings:
        console.print(f"{finding.kind}: {finding.order_id}: {finding.text}", style="red", markup=False, soft_wrap=True)
    told: list[str] = []
    for finding in verdict.findings:
        if finding.order_id and finding.order_id not in told and len(told) < STORIES:
            told.append(finding.order_id)
            _story(console, evidence, finding)


def _story(console: Console, evidence: Evidence, finding: Finding) -> None:
    order_id = finding.order_id
    lines: list[tuple[float, str]] = []
    for sale in evidence.log.sales:
        if sale.order_id == order_id:
            lines += sale.story
    lines += [
        (_seconds(event["create_time"]), f"event: {event['type']} {event['resource_id']} {event['resource_version']}")
        for event in evidence.events
        if event["order_id"] == order_id
    ]
    lines += [
        (
            float(line["created"]),
            f"books: {line['provider']} {line['kind']} {line['object']} {line['amount']} "
            f"{line['status']} {line['metadata'].get('payment_id', '')}",
        )
        for line in evidence.books
        if line["metadata"].get("order_id") == order_id
    ]
    console.print(f"\nThe story of order {order_id}: {finding.text}", markup=False, soft_wrap=True)
    for when, text in sorted(lines):
        at = datetime.fromtimestamp(when, UTC).strftime("%H:%M:%S.%f")[:-3]
        console.print(f"  {at} {text}", markup=False, soft_wrap=True)
    for row in (*evidence.orders, *evidence.payments, *evidence.refunds):
        if row["order_id"] == order_id:
            name = row.get("refund_id") or row.get("payment_id") or order_id
            console.print(f"  in the end: {name} {row['status']}, version {row['version']}", markup=False)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(names).most_common()
