"""The kinds of JSON values that OpenAPI names are those that the transcoder reads and writes (ProtoJSON)."""

from __future__ import annotations

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
