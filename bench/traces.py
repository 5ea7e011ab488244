"""`python -m bench.traces`: what spans cost, as a part of the processor time of an order and of a lifecycle.

Three stacks run side by side and work turn about, so that what else the machine does hits all alike: one without an
endpoint for spans, one that traces one request in a hundred, and one that traces all. What each spends on so many
units, of all its processes without the sandbox, is compared with the one without; the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_grpc
from rich.console import Console
from rich.table import Table

from bench.counts import Lifecycles, Unit, cpu_ms, order, payment
from stack.settings import StackSettings
from stack.stack import Ready, Stack

PARTS = {"off": None, "1 %": 0.01, "all": 1.0}
"""Which part of all requests is traced."""
MOST = {"1 %": 0.02, "all": 0.10}
"""What it may cost more."""
WARM_UP = 30
UNLIMITED = 1_000_000


class _Collector(otlp_grpc.TraceServiceServicer):
    """Takes spans, and counts them."""

    spans = 0

    def Export(  # noqa: N802  the contract's name
        self, request: otlp.ExportTraceServiceRequest, _: grpc.ServicerContext
    ) -> otlp.ExportTraceServiceResponse:
        """Take a batch."""
        self.spans += sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)
        return otlp.ExportTraceServiceResponse()


@contextmanager
def _collector() -> Iterator[tuple[str, _Collector]]:
    server, collector = grpc.server(ThreadPoolExecutor(2)), _Collector()
    otlp_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", collector
    finally:
        server.stop(1).wait()


def _settings(part: float | None, endpoint: str) -> StackSettings:
    settings = StackSettings(durable=False, requests_per_second=UNLIMITED, key_requests_per_second=UNLIMITED)
    return settings if part is None else settings.model_copy(update={"otlp_endpoint": endpoint, "trace_part": part})


def _spent(ready: Ready, unit: Unit, count: int) -> float:
    """Return the processor time that a unit took, in milliseconds."""

    def total() -> float:
        return sum(cpu_ms(pid) for name, pid in ready.pids.items() if name != "sandbox")

    before = total()
    Lifecycles(ready, 8).run(unit, count)
    return (total() - before) / count


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 where spans cost more than they may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many orders, and how many lifecycles, a round")
    parser.add_argument("--rounds", type=int, default=5, help="how often each stack has its turn")
    chosen = parser.parse_args(arguments)
    units: dict[str, Unit] = {"an order": order, "a lifecycle": payment}
    spent: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as undo:
        endpoint, collector = undo.enter_context(_collector())
        stacks = {name: undo.enter_context(Stack(_settings(part, endpoint))) for name, part in PARTS.items()}
        for stack in stacks.values():
            Lifecycles(stack.ready, 8).run(payment, WARM_UP)
        for number in range(chosen.rounds):
            # whoever is first in a round is another one each time
            names = [*PARTS][number % len(PARTS) :] + [*PARTS][: number % len(PARTS)]
            for title, unit in units.items():
                for name in names:
                    spent.setdefault((title, name), []).append(_spent(stacks[name].ready, unit, chosen.count))
        if not collector.spans:
            raise SystemExit("no span came")
    return _report(Console(), spent)


def _report(console: Console, spent: dict[tuple[str, str], list[float]]) -> int:
    table = Table("unit", "traced", "ms of processor", "beside off", "spread", "at most")
    over = 0
    for (title, name), took in spent.items():
        ratios = [mine / off for mine, off in zip(took, spent[title, "off"], strict=True)]
        ratio = statistics.median(ratios)
        most = 1 + MOST[name] if name in MOST and title == "an order" else None
        over += most is not None and ratio > most
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        table.add_row(title, name, f"{statistics.median(took):.1f}", f"{ratio:.3f}", spread, f"{most or ''}")
    console.print(table)
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
