"""`fusionxpay status`: what runs, what is open, and what is wrong, at one look."""

from __future__ import annotations

import json
import math
import os
import textwrap
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.operator_api import READY_FILE, AsJson, Ready, gone, ready_document
from cli.parts import Part, grouped, look_at_parts
from cli.scrape import scrape
from cli.standing_books import lines, look
from cli.tables import show_table
from mesh.alerts.growth import Growth
from mesh.alerts.rules import STARTED, Problem, Process, problems

EX_WRONG = 1
EVERY_SECONDS = 5.0
_KEPT_TOGETHER = "\N{NO-BREAK SPACE}"
_OPEN = (
    ("payments", "fusionxpay_payments_open", ("provider", "status")),
    ("operations without an answer", "fusionxpay_operations_unknown", ("provider", "kind", "accounts")),
    ("events of providers", "fusionxpay_provider_events_pending", ("provider", "accounts")),
    ("refunds", "fusionxpay_refunds_pending", ("provider",)),
    ("disputes", "fusionxpay_disputes", ("status",)),
    ("reviews", "fusionxpay_reviews_open", ("kind",)),
    ("events in the outbox", "fusionxpay_outbox_unpublished", ()),
    ("events before a consumer", "fusionxpay_consumer_waiting", ("consumer",)),
    ("dead letters", "fusionxpay_dead_letters_open", ("consumer",)),
    ("endpoints with deliveries", "fusionxpay_endpoints_waiting", ("kind",)),
    ("endpoints that fail", "fusionxpay_endpoints_failing", ("kind",)),
)
"""What is open: the words, the series, and its labels."""


def status(
    metrics: Annotated[
        list[str] | None, typer.Option(help="NAME=host:port of a service's metrics; may be repeated.")
    ] = None,
    over: Annotated[
        float, typer.Option(help="Look twice, so many seconds apart, and see what has grown; 0: once.", min=0, max=60)
    ] = EVERY_SECONDS,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every five seconds, until Ctrl-C.")] = False,
    as_json: AsJson = False,
    ready_file: Ready = READY_FILE,
) -> None:
    """Show what runs, what is open and what is wrong.

    Exit status: 0 when nothing is wrong that gets somebody up, 1 when something is, 69 when no service answers or no
    gateway runs here. Each line of what is wrong begins with the name of its alert, and the page about it follows.
    """
    ready = {"metrics": _addresses(metrics)} if metrics else ready_document(ready_file)
    addresses = ready["metrics"]
    before = scrape(addresses) if over else []
    while True:
        time.sleep(over if before else 0)
        parts, processes = look_at_parts(ready), scrape(addresses)
        wrong = grouped(parts, problems(processes, Growth(before, processes, over).problems()))
        if not any(process.answers for process in processes) and not metrics and gone(ready_file, ready):
            words = f"`fusionxpay up` has ended without a word, and all with it; {ready_file} is left: start it again"
            wrong = [Problem("ServiceDown", words)]
        before = processes
        differ = lines(look(ready)) if any(one.alert == "BooksDiffer" for one in wrong) else []
        if as_json:
            typer.echo(json.dumps(_document(parts, processes, wrong) | {"books_differ": differ}, indent=2))
        else:
            _print(Console(), parts, processes, wrong, differ)
        if not watch:
            break
        time.sleep(0 if over else EVERY_SECONDS)
    if not any(process.answers for process in processes):
        raise typer.Exit(os.EX_UNAVAILABLE)
    raise typer.Exit(EX_WRONG if any(one.page for one in wrong) else 0)


def _addresses(said: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in said]
    if not all(address for _, _, address in pairs):
        raise typer.BadParameter("--metrics is NAME=host:port, such as order_svc=10.0.0.7:9100")
    return {name: address for name, _, address in pairs}


def open_now(processes: Sequence[Process]) -> dict[str, dict[str, int]]:
    """Return how much is open, of each kind; every replica says the same, so the most counts."""
    found: dict[str, dict[str, int]] = {}
    for words, series, labels in _OPEN:
        for process in processes:
            for sample in process.having(series):
                if sample.value > 0:
                    key = " ".join(sample.labels[label] for label in labels) or process.component
                    counts = found.setdefault(words, {})
                    counts[key] = max(counts.get(key, 0), int(sample.value))
    return found


def _row(process: Process) -> dict[str, Any]:
    def told(name: str) -> float | None:
        value = process.value(name)
        return None if math.isnan(value) else value

    def yes(name: str) -> bool | None:
        value = told(name)
        return None if value is None else value == 1

    build = process.having("fusionxpay_build_info")
    return {
        "component": process.component,
        "answers": process.answers,
        "database": yes("fusionxpay_database_up"),
        "nats": yes("fusionxpay_nats_up"),
        "loop_lag_seconds": told("fusionxpay_event_loop_lag_seconds"),
        "start_time": told(STARTED),
        "connections": told("fusionxpay_database_connections"),
        "certificate_expiry_time": told("fusionxpay_certificate_expiry_time"),
        "version": build[0].labels["version"] if build else "",
        "revision": build[0].labels["revision"] if build else "",
    }


def _document(parts: Sequence[Part], processes: Sequence[Process], wrong: Sequence[Problem]) -> dict[str, Any]:
    return {
        "processes": [_row(process) for process in processes],
        "parts": [asdict(part) | {"answers": part.answers} for part in parts],
        "open": open_now(processes),
        "problems": [asdict(problem) | {"runbook": problem.runbook} for problem in wrong],
    }


def _print(
    console: Console,
    parts: Sequence[Part],
    processes: Sequence[Process],
    wrong: Sequence[Problem],
    differ: Sequence[str] = (),
) -> None:
    table = Table("service", "answers", "up", "database", "NATS", "loop", "certificate", "schema", box=None)
    for row in map(_row, processes):
        lag, end = row["loop_lag_seconds"], row["certificate_expiry_time"]
        table.add_row(
            row["component"],
            _said(row["answers"]),
            "" if row["start_time"] is None else _span(time.time() - row["start_time"]),
            *(_said(row[name]) for name in ("database", "nats")),
            "" if lag is None else f"{lag * 1000:.0f} ms",
            f"{(end - time.time()) / 86400:.0f} days" if end else "",
            row["revision"],
        )
    for part in parts:
        table.add_row(part.name, _said(part.answers))
    show_table(table, console)
    console.print()
    for words, counts in open_now(processes).items():
        listed = ", ".join(f"{key} {count}".replace(" ", _KEPT_TOGETHER) for key, count in counts.items())
        lines = textwrap.fill(f"open {words}: {listed}", console.width, subsequent_indent="  ")
        console.print(lines.replace(_KEPT_TOGETHER, " "), highlight=False, markup=False, soft_wrap=True)
    for problem in wrong:
        style = "red" if problem.page else "yellow"
        before = "  and so " if problem.follows_from else ""
        line = f"{before}{problem.alert}: {problem.words}"
        console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)
        for one in differ if problem.alert == "BooksDiffer" else ():
            console.print(f"  {one}", highlight=False, markup=False, soft_wrap=True)
        if not problem.follows_from:
            console.print(f"  -> {problem.runbook}", highlight=False, markup=False)
    if not wrong:
        console.print("Nothing is wrong.")


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _said(answer: bool | None) -> str:
    return "" if answer is None else "yes" if answer else "NO"
