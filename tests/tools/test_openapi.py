"""What OpenAPI says is so: kinds of JSON values are the transcoder's, and keys are asked for where they count."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.openapi import document


@pytest.mark.parametrize(
    ("message", "field", "kind"),
    [
        ("RouteCandidate", "percent", "number"),
        ("DeliveryAttempt", "http_status", "integer"),
        ("NotificationChannel", "enabled", "boolean"),
        ("AdvanceTestClockRequest", "by", "string"),
        ("CreateOrderRequest", "expire_time", "string"),
    ],
)
def test_scalars_are_what_json_has_for_them(message: str, field: str, kind: str) -> None:
    assert document()["components"]["schemas"][message]["properties"][field]["type"] == kind


def _claims() -> set[str]:
    """Return the RPCs whose code takes a key into account."""
    found = set()
    for path in Path().glob("*_svc/api/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and ".claim(" in ast.unparse(node):
                found.add(node.name)
    return found


def test_idempotency_key_is_asked_for_where_it_counts() -> None:
    """It was promised of captures, cancels and resends, which take none into account."""
    promised = set()
    for methods in document()["paths"].values():
        for operation in methods.values():
            if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ())):
                promised.add(operation["operationId"].removesuffix("Alias"))
    assert "CreateOrder" in promised
    assert promised == _claims()
