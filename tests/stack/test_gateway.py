from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.commands.up import CURL
from mesh.rpc.dial import tls_of
from stack.layout import COMPONENTS
from stack.probes import grpc_serving
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.support.merchant.api import Merchant
from tests.support.merchant.receiver import Receiver
from tests.support.net.collector import Collected, Collector, collecting
from tests.support.providers.sandbox import Provider
from tests.support.spans import ENVOYS, attributes_of_spans
from tests.support.waiting import PATIENCE, eventually

# One stack for all of these, also where several workers share the tests.
pytestmark = pytest.mark.xdist_group("gateway")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def stack(collector: Collector) -> Iterator[Stack]:
    with Stack(StackSettings(durable=False, otlp_endpoint=collector.endpoint)) as running:
        yield running


@pytest.fixture
def gateway(stack: Stack) -> Ready:
    """What the common fixtures talk to."""
    return stack.ready


def order(stack: Stack, key: str) -> httpx.Response:
    body = {"merchant_order_id": key, "amount": {"value": "12.00", "currency": "EUR"}}
    headers = {"authorization": f"Bearer {stack.ready.merchant.api_key}", "idempotency-key": key}
    return httpx.post(f"{stack.ready.edge_url}/v1/orders", json=body, headers=headers, timeout=PATIENCE)


def test_every_component_runs_and_every_service_is_healthy(stack: Stack) -> None:
    assert set(stack.ready.pids) == set(COMPONENTS)
    tls = tls_of(stack.ready.operator_tls)
    assert all(grpc_serving(target, name, tls) for name, target in stack.ready.services.items())


def test_command_that_is_shown_creates_an_order(stack: Stack) -> None:
    command = CURL.format(url=stack.ready.edge_url, key=stack.ready.merchant.api_key)
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert '"status":"NEW"' in run.stdout.replace(" ", "")


def test_gateway_serves_again_after_a_service_was_killed(stack: Stack) -> None:
    assert order(stack, "before").status_code == 200
    stack.kill("order_svc")
    stack.start("order_svc")
    assert order(stack, "after").status_code == 200


HOPS = (
    "envoy: SERVER POST /v1/payments",
    "edge: SERVER envoy.service.auth.v3.Authorization/Check",
    "payment_svc: SERVER fusionx.payment.v1.PaymentService/CreatePayment",
    "payment_svc: CLIENT fusionx.order.v1.OrderPaymentService/ReserveOrder",
    "order_svc: SERVER fusionx.order.v1.OrderPaymentService/ReserveOrder",
    "payment_svc: CLIENT stripe start",
    "payment_svc: PRODUCER publish fusionx.payment.v1.succeeded",
    "order_svc: CONSUMER process fusionx.payment.v1.succeeded",
    "order_svc: PRODUCER publish fusionx.order.v1.succeeded",
    "notify_svc: CONSUMER process fusionx.order.v1.succeeded",
    "notify_svc: CLIENT POST webhook",
)


def test_payment_is_one_trace_from_its_request_to_the_merchants_webhook(
    stack: Stack, collector: Collector, merchant: Merchant, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    merchant.charge(order_id)
    receiver.wait_for("order.succeeded")
    entries = merchant.get(f"/v1/orders/{order_id}/timeline")["entries"]
    trace_id = next(entry["trace_id"] for entry in entries if entry["cause"] == "CreatePayment")

    def complete() -> list[Collected] | None:
        found = collector.trace(trace_id)
        return found if {one.name for one in found} >= set(HOPS) else None

    spans = eventually(complete, f"{HOPS} among {[one.name for one in collector.trace(trace_id)]}")
    ids = {one.span.span_id for one in spans}
    first = spans[0]
    assert first.name == HOPS[0]
    assert [one.name for one in spans if one.span.parent_span_id not in ids] == [first.name]
    assert all(one.span.end_time_unix_nano >= one.span.start_time_unix_nano for one in spans)
    paths = [one.attributes.get("http.url", "") for one in spans]
    assert not any(order_id in path or "/v1/" in path for path in paths), paths


def test_spans_hold_what_the_document_says_and_nothing_else(
    stack: Stack, collector: Collector, merchant: Merchant, receiver: Receiver
) -> None:
    agent = {"user-agent": "shop/1.0"}
    order_id = merchant.new_order()["order_id"]
    merchant.charge(order_id)
    receiver.wait_for("order.succeeded")
    merchant.http.get("/v1/orders/none", headers=agent)
    merchant.http.get("/v1/orders?secret=sk_live_1", headers=agent)
    httpx.get(f"{stack.ready.edge_url}/v1/orders", headers={"authorization": "Bearer sk_test_nobodys"})

    def refused() -> bool:
        return {"user_agent", "fusionxpay.reason"} <= {name for one in collector.all() for name in one.attributes}

    eventually(refused, "the spans of what was refused")
    documented = attributes_of_spans()
    for one in collector.all():
        known = {name for name, on in documented.items() if (on == ENVOYS) == (one.component == "envoy")}
        assert set(one.attributes) <= known, one.name
        said = [str(value) for value in one.attributes.values()]
        assert not any("sk_live_1" in value or "sk_test_nobodys" in value for value in said), one.name


def test_hops_of_a_payment_add_up_to_what_the_client_saw(
    collector: Collector, merchant: Merchant, provider: Provider
) -> None:
    """One of five: what a machine under load takes for itself is nobody's hop."""
    merchant.new_order()
    differences = []
    for _ in range(5):
        order_id = merchant.new_order()["order_id"]
        provider.fault(order_id, "latency", operation="payment_intents.create", seconds=1)
        begun = time.monotonic()
        merchant.charge(order_id)
        seen = time.monotonic() - begun
        entries = merchant.get(f"/v1/orders/{order_id}/timeline")["entries"]
        trace_id = next(entry["trace_id"] for entry in entries if entry["cause"] == "CreatePayment")

        def answered(trace_id: str = trace_id) -> list[Collected]:
            spans = collector.trace(trace_id)
            return spans if spans and spans[0].component == "envoy" and len(waited_for(spans)) >= 8 else []

        hops = own_seconds(waited_for(eventually(answered, "the hops that the client waited for")))
        assert max(hops, key=lambda name: hops[name]) == "payment_svc: CLIENT stripe start", hops
        differences.append(abs(sum(hops.values()) - seen) / seen)
        if differences[-1] <= 0.05:
            return
    raise AssertionError(f"hops and client differ by {differences}")


def waited_for(spans: list[Collected]) -> list[Collected]:
    """Those of a trace that the client waited for: nothing that only follows."""
    later = {one.span.span_id for one in spans if "PRODUCER" in one.name or "CONSUMER" in one.name}
    for one in spans:
        if one.span.parent_span_id in later:
            later.add(one.span.span_id)
    deliveries = "notify_svc: CLIENT"
    return [one for one in spans if one.span.span_id not in later and not one.name.startswith(deliveries)]


def own_seconds(spans: list[Collected]) -> dict[str, float]:
    """How long each hop took without those that it waited for."""
    found: dict[str, float] = defaultdict(float)
    for one in spans:
        inner = [other.span for other in spans if other.span.parent_span_id == one.span.span_id]
        nanoseconds = one.span.end_time_unix_nano - one.span.start_time_unix_nano
        nanoseconds -= sum(span.end_time_unix_nano - span.start_time_unix_nano for span in inner)
        found[one.name] += nanoseconds / 1e9
    return found


def test_secrets_of_one_service_do_not_reach_another(stack: Stack) -> None:
    def environment(name: str) -> str:
        return Path(f"/proc/{stack.ready.pids[name]}/environ").read_text()

    secret = stack.ready.webhook_secrets["stripe"]
    assert [name for name in stack.ready.services if secret in environment(name)] == ["payment_svc"]
    keys = {
        name: line
        for name in stack.ready.services
        for line in environment(name).split("\0")
        if line.startswith("FUSIONXPAY_SECRET_KEYS=")
    }
    assert keys.keys() == {"notify_svc", "edge", "payment_svc"}
    assert len(set(keys.values())) == 3, "what one service can decrypt, another cannot"


@pytest.mark.slow
def test_merchant_and_orders_are_there_again_in_the_next_run(tmp_path_for_postgres: Path) -> None:
    settings = StackSettings(data_dir=tmp_path_for_postgres)
    components = set(COMPONENTS) - {"sandbox", "payment_svc", "notify_svc", "audit_svc"}
    with Stack(settings, components) as stack:
        merchant, first = stack.ready.merchant, order(stack, "kept").json()
    with Stack(settings, components) as stack:
        assert stack.ready.merchant == merchant
        again = order(stack, "kept")
    assert again.json()["order_id"] == first["order_id"]
    assert again.headers["idempotent-replayed"] == "true"
