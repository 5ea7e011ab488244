"""Lines of Envoy's, read as entries, and what is left out of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit_svc.domain.entry import Entry
from audit_svc.domain.lines import UNREADABLE, entry_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LINE = b"""{"audit":"1","client":"203.0.113.9","detail":"via_upstream","duration_us":4503,"flags":"-",
"grpc_failure":"5","grpc_status":12,"http_status":404,"idempotency_key":null,"key_id":null,
"merchant_id":"m","method":"GET","mode":"test","path":"/v1/orders/1",
"request_id":"fb121eee-fab7-4fdd-9bc1-1c59e9cc4232","source":"GET /v1/orders/{order_id}",
"target":"/fusionx.order.v1.OrderService/GetOrder","time":"2026-11-23T11:00:00.000001+00:00",
"traceparent":null,"user_agent":"curl"}""".replace(b"\n", b"")
ENTRY = entry_of(LINE, NOW)


def test_line_of_envoy_is_read() -> None:
    assert (
        Entry(
            time=datetime(2026, 11, 23, 11, 0, 0, 1, tzinfo=UTC),
            request_id="fb121eee-fab7-4fdd-9bc1-1c59e9cc4232",
            trace_id="fb121eeefab74fdd9bc11c59e9cc4232",
            merchant_id="m",
            key_id="",
            mode="test",
            method="GET",
            path="/v1/orders/1",
            rpc="/fusionx.order.v1.OrderService/GetOrder",
            http_status=404,
            grpc_status=5,
            flags="-",
            detail="via_upstream",
            duration_us=4503,
            client="203.0.113.9",
            idempotency_key="",
            user_agent="curl",
            source="GET /v1/orders/{order_id}",
        )
        == ENTRY
    )


def test_token_of_a_payment_link_is_not_kept() -> None:
    line = LINE.replace(b"/v1/orders/1", b"/pay/" + b"a" * 28 + b"/qr.svg")
    assert entry_of(line, NOW).path == "/pay/*/qr.svg"


def test_line_after_what_a_killed_envoy_has_left_is_read() -> None:
    assert entry_of(LINE[:100] + LINE, NOW) == ENTRY


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"audit":"1"}', b"\xff\xfe", LINE[:-40]])
def test_line_that_cannot_be_read_is_told_of(line: bytes) -> None:
    entry = entry_of(line, NOW)
    assert (entry.source, entry.time) == (UNREADABLE, NOW)
    assert str(len(line)) in entry.detail


@pytest.mark.parametrize(
    "secret",
    ["sk_test_abcdef-123", "whsec_a/b+c=", "Bearer abc.def", "4111 1111 1111 1111", "eyJhbGciOiJI.eyJzdWIi.sig"],
)
def test_secrets_are_taken_out(secret: str) -> None:
    entry = entry_of(LINE.replace(b"curl", f"x {secret} y".encode()), NOW)
    assert entry.user_agent == "x [redacted] y"
