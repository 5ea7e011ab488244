"""Which spans are made, and which are exported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.semconv._incubating.attributes import messaging_attributes, rpc_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes

from mesh import context, tracing
from mesh.tracing import names, spans, switch
from stack.layout import SERVICES
from tests.support.spans import ENVOYS, attributes_of_spans

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOT_SAMPLED = SAMPLED.removesuffix("01") + "00"


@pytest.fixture
def exported() -> Iterator[list[spans.Span]]:
    found: list[spans.Span] = []
    spans.export_to(found.append)
    yield found
    spans.export_to(None)
    context.sample(1)


def call(traceparent: str) -> context.Call:
    return context.call_of(context.trace_of(traceparent))


def test_span_is_part_of_what_caused_its_call(exported: list[spans.Span]) -> None:
    one = call(SAMPLED)
    outer = tracing.start("outer", call=one)
    outer.enter()
    tracing.start("inner", call=one).end()
    outer.end()
    inner, _ = exported
    assert inner.parent_id == outer.span_id
    assert outer.parent_id == "00f067aa0ba902b7"
    assert one.traceparent == f"00-{one.trace_id}-{outer.span_id}-01"


def test_what_fails_is_exported_though_not_sampled_and_so_is_what_it_is_part_of(exported: list[spans.Span]) -> None:
    one = call(NOT_SAMPLED)
    outer = tracing.start("outer", call=one)
    tracing.start("went well", call=one).end()
    tracing.start("declined", call=one).end("declined", keep=False)
    assert exported == []
    assert one.traceparent.endswith("-00")
    tracing.start("failed", call=one).end("OutcomeUnknownError")
    outer.end()
    assert [span.name for span in exported] == ["failed", "outer"]
    assert one.traceparent.endswith("-01"), "what follows from it is exported, too"


@pytest.mark.parametrize(("part", "sampled"), [(0, False), (1, True)])
def test_part_of_the_traces_that_begin_here_is_sampled(part: float, sampled: bool) -> None:
    try:
        context.sample(part)
        assert context.Call("f" * 32).is_sampled is sampled
        assert call(SAMPLED).is_sampled
        assert not call(NOT_SAMPLED).is_sampled
    finally:
        context.sample(1)


@pytest.mark.parametrize("value", ["2", "-0.1", "all", "nan"])
def test_part_that_is_none_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(switch.PART, value)
    with pytest.raises(ValueError, match=switch.PART):
        switch.part()


def test_no_exporter_of_spans_is_imported_while_no_endpoint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(switch.ENDPOINT, raising=False)
    modules = ", ".join(f"{service}.__main__" for service in SERVICES)
    script = f"import sys, {modules}; from mesh import tracing; tracing.begin('x'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # redis-py imports what there is for metrics by itself
    assert "mesh.tracing" in run.stdout.split()
    exporting = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.proto", "mesh.tracing.export")
    assert not [name for name in run.stdout.split() if name.startswith(exporting)]


def test_attributes_are_called_as_the_semantic_conventions_say() -> None:
    known = {
        value
        for module in (messaging_attributes, rpc_attributes, error_attributes, http_attributes, server_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    assert {value for value in ours() if not value.startswith(names.OURS)} <= known


def test_attributes_that_spans_hold_are_those_of_the_document() -> None:
    documented = attributes_of_spans()
    assert {name for name, on in documented.items() if on != ENVOYS} == ours()


def ours() -> set[str]:
    """Every attribute that we set."""
    return {value for name, value in vars(names).items() if name.isupper() and name != "OURS"}
