"""HTTP that is wrong on purpose: each gets the refusal that fits, and nothing of it reaches a service."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from stat import S_IMODE
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from stack.probes import admin_text
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.net.raw_http import (
    CANCEL,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PREFACE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    connected,
    exchange,
    frame,
    frames,
    request_headers,
)
from tests.support.stack.edges import edges_of, stat_of, stats_of
from tests.support.stack.storage import rows_of
from tests.support.waiting import eventually

RESETS = 10_000
AT_ONCE = 50
BODY = b'{"amount": {"value": "1.00", "currency": "EUR"}}'
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
SMUGGLED = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n\r\n"
DEEP = b'{"amount": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"


def request(merchant: Merchant, *lines: str, body: bytes = BODY, target: str = "/v1/orders") -> bytes:
    """Return a request that would create an order, with further header lines."""
    head = [f"POST {target} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {merchant.secret}"]
    head += ["Content-Type: application/json", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


CASES: dict[str, tuple[tuple[str, ...], bytes, str, set[int]]] = {
    "length and chunks": ((LENGTH, "Transfer-Encoding: chunked"), CHUNKED, "/v1/orders", {400}),
    "chunks and length": (("Transfer-Encoding: chunked", "Content-Length: 4"), CHUNKED + SMUGGLED, "/v1/orders", {400}),
    "two lengths": ((LENGTH, "Content-Length: 4"), BODY, "/v1/orders", {400}),
    "length that is no number": (("Content-Length: +48",), BODY, "/v1/orders", {400}),
    "unknown transfer coding": (("Transfer-Encoding: xchunked",), CHUNKED, "/v1/orders", {400, 501}),
    "space before the colon": ((LENGTH, "X-Note : a"), BODY, "/v1/orders", {400}),
    "NUL in a header": ((LENGTH, "X-Note: a\x00b"), BODY, "/v1/orders", {400}),
    "101 headers": ((LENGTH, *(f"X-{number}: 1" for number in range(101))), BODY, "/v1/orders", {431}),
    "large header": ((LENGTH, "X-Large: " + "a" * 9000), BODY, "/v1/orders", {431}),
    "underscore in a header": ((LENGTH, "X_Merchant_Id: 1"), BODY, "/v1/orders", {400}),
    "NUL in the path": ((LENGTH,), BODY, "/v1/orders\x00", {400}),
    "escaped NUL in the path": ((LENGTH,), BODY, "/v1/orders%00", {400, 404}),
    "escaped slash in the path": ((LENGTH,), BODY, "/v1%2Forders", {400}),
    "fragment in the path": ((LENGTH,), BODY, "/v1/orders#x", {400, 404}),
    "bytes that are no UTF-8": (("Content-Length: 14",), b'{"note": "\xff\xfe"}', "/v1/orders", {400}),
    "deep JSON": ((f"Content-Length: {len(DEEP)}",), DEEP, "/v1/orders", {400}),
    "body above the limit": ((f"Content-Length: {1 << 20}",), b" " * 70_000, "/v1/orders", {413}),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_http_is_refused_and_reaches_nobody(case: str, gateway: Ready, merchant: Merchant) -> None:
    lines, body, target, statuses = CASES[case]
    with suppress(BrokenPipeError):
        status, answer = exchange(gateway.edge_url, request(merchant, *lines, body=body, target=target))
        assert status in statuses, answer
        assert answer.count(b"HTTP/1.1 ") == 1, "one request has one answer"
    assert not any(rows_of(gateway, merchant.merchant_id).values())


@pytest.mark.parametrize("line", ["X-Note: a\r\n b", "X-Note: a\rx-merchant-id: c"])
def test_odd_line_ends_make_one_header_and_one_request(line: str, gateway: Ready, merchant: Merchant) -> None:
    """RFC 9112 lets a server read both as a space (sections 2.2 and 5.2); neither may begin a header or a request."""
    status, answer = exchange(gateway.edge_url, request(merchant, LENGTH, line))
    assert (status, answer.count(b"HTTP/1.1 ")) == (200, 1)
    assert len(merchant.get("/v1/orders")["orders"]) == 1


def test_headers_that_come_too_slowly_are_given_up(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    with edges_of(gateway, tmp_path) as edges:
        url = edges.envoy(headers_timeout="0.5s")
        status, answer = exchange(url, request(merchant, LENGTH)[:60])
    assert status == 408, answer
    assert not any(rows_of(gateway, merchant.merchant_id).values())


def test_more_streams_than_allowed_are_refused(gateway: Ready) -> None:
    block = request_headers("/v1/orders", urlsplit(gateway.edge_url).netloc, {"content-type": "application/json"})
    opened = [frame(HEADERS, END_HEADERS, stream, block) for stream in range(1, 2 * 150, 2)]
    with connected(gateway.edge_url) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + b"".join(opened))
        refusals = 0
        for kind, _, payload in frames(connection):
            refusals += kind == RST_STREAM and int.from_bytes(payload) == REFUSED_STREAM
            if refusals == 50 or kind == GOAWAY:
                break
        else:
            kind = GOAWAY
    assert refusals == 50 or kind == GOAWAY


def test_streams_that_are_reset_in_a_burst_end_the_connection(gateway: Ready, tmp_path: Path) -> None:
    """CVE-2023-44487: a client that opens and resets streams makes work without waiting for it.

    Strangers above their limit are answered at once, before their reset is read: no reset seemed to come early.
    """
    with edges_of(gateway, tmp_path) as edges:
        url = edges.envoy(stranger_requests_per_second=1)
        block = request_headers("/v1/orders", urlsplit(url).netloc, {"content-type": "application/json"})
        burst = b"".join(
            frame(HEADERS, END_HEADERS, stream, block) + frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4))
            for stream in range(1, 2 * RESETS, 2)
        )
        with connected(url) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + burst)
            for _ in frames(connection):  # ends when the server has closed
                continue
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert 0 < stat_of(tmp_path, "http.public.downstream_rq_total") < RESETS / 20


def test_connections_that_come_at_once_are_accepted_one_at_a_turn(gateway: Ready, tmp_path: Path) -> None:
    """Each turn of the loop has a handshake to begin, and as it had hundreds, every request waited for them."""
    with edges_of(gateway, tmp_path) as edges:
        url = edges.envoy()
        (process,) = (one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(one.info["cmdline"]))
        process.suspend()
        with ExitStack() as held:
            for _ in range(AT_ONCE):
                held.enter_context(closing(connected(url)))
            process.resume()
            eventually(lambda: stat_of(tmp_path, "http.public.downstream_cx_total") >= AT_ONCE, "them to be accepted")
            where = f"listener.{urlsplit(url).netloc.replace(':', '_')}.connections_accepted_per_socket_event"
            told = eventually(lambda: stats_of(tmp_path, where).partition("P100(nan,")[2], "Envoy to sum up")
            assert float(told.partition(")")[0]) < 2


def test_connections_above_the_limit_are_closed(gateway: Ready, tmp_path: Path) -> None:
    with edges_of(gateway, tmp_path) as edges:
        url = edges.envoy(max_connections=3)
        held = [connected(url) for _ in range(3)]
        assert exchange(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 0
        for connection in held:
            connection.close()


def test_administration_is_not_reached_from_outside(gateway: Ready) -> None:
    assert S_IMODE(Path(gateway.envoy_admin).stat().st_mode) == 0o600
    assert S_IMODE(Path(gateway.envoy_admin).parent.stat().st_mode) == 0o700
    assert json.loads(admin_text(gateway.envoy_admin, "/server_info"))["state"] == "LIVE"
    connections = psutil.Process(gateway.pids["envoy"]).net_connections("inet")
    public = {urlsplit(url).port for url in (gateway.edge_url, gateway.edge_https_url, f"//{gateway.envoy_metrics}")}
    assert {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN} == public
    for path in ("/stats", "/config_dump", "/quitquitquit"):
        assert httpx.get(f"{gateway.edge_url}{path}").status_code == 404
