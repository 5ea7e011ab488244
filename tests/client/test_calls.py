"""What merchants do with the package, by both of its clients."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import grpc
import pytest
from fusionx.identity.v1 import identity_pb2
from fusionx.order.v1.order_pb2 import Order
from fusionx.payment.v1.payment_pb2 import Payment
from fusionx.payment.v1.refund_pb2 import Refund
from fusionx.payment.v1.routing_service_pb2 import RoutingRule, RoutingTarget

from fusionxpay_client import (
    AuthenticationError,
    ConflictError,
    FusionXPayError,
    InvalidRequestError,
    Money,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    StatusUnreachableError,
    UnavailableError,
    WaitTimeoutError,
)
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.client_package import NewClient
from tests.support.waiting import eventually

NewMerchant = Callable[..., Merchant]
BEGINNING = "00000000-0000-0000-0000-000000000000"
NOBODY = "01a20962-74f8-73bd-a5af-0665c1051e9b"


def pay(client: Any, **order: Any) -> tuple[str, str]:
    """Create an order and pay it; return its id and the payment's."""
    made = client.orders.create(amount=("12.00", "EUR"), **order)
    payment = client.payments.create(order_id=made.order_id, provider="stripe", payment_method="pm_card_visa")
    eventually(lambda: client.orders.get(made.order_id).status == Order.SUCCESS, "a paid order")
    return made.order_id, payment.payment_id


def test_order_is_paid_and_partly_given_back(client: Any) -> None:
    order_id, payment_id = pay(client, metadata={"shoes": "44"})
    refund = client.refunds.create(payment_id, amount=Money(value="2.00", currency="EUR"), reason="too small")
    eventually(lambda: client.refunds.get(refund.refund_id).status == Refund.SUCCESS, "a refund")
    eventually(lambda: client.orders.get(order_id).status == Order.PARTIALLY_REFUNDED, "the order to know")
    assert client.orders.get(order_id).metadata == {"shoes": "44"}
    assert client.payments.get(payment_id).status == Payment.SUCCESS
    assert [one.refund_id for one in client.refunds.list(payment_id)] == [refund.refund_id]
    assert [one.payment_id for one in client.payments.list(order_id=order_id)] == [payment_id]
    assert {one.resource for one in client.order_timeline.get(order_id).entries} >= {"order", "payment", "refund"}
    assert list(client.disputes.list()) == []


def test_end_of_a_link_is_taken_away(client: Any) -> None:
    link = client.payment_links.create(amount=("12.00", "EUR"), expire_time=datetime.now(UTC) + timedelta(days=1))
    assert client.payment_links.update(link.payment_link_id, max_uses=1).expire_time
    assert client.payment_links.update(link.payment_link_id, update_mask=["expire_time"]).expire_time is None


def test_a_status_is_waited_for(client: Any) -> None:
    order = client.orders.create(amount=("12.00", "EUR"))
    with pytest.raises(WaitTimeoutError, match="the order is still NEW after") as late:
        client.orders.wait(order.order_id, timeout=0.1)
    assert (late.value.status, late.value.found.order_id) == ("NEW", order.order_id)
    assert not isinstance(late.value, StatusUnreachableError)
    client.payments.create(order_id=order.order_id, provider="stripe", payment_method="pm_card_visa")
    assert client.orders.wait(order.order_id, until="SUCCESS").paid_amount.value == "12.00"
    assert client.orders.wait(order.order_id).status == "SUCCESS"


def test_a_wait_for_what_cannot_come_ends_at_once(client: Any) -> None:
    order_id = client.orders.create(amount=("12.00", "EUR")).order_id
    with pytest.raises(ValueError, match=r"never PAID; there are: NEW, PROCESSING, SUCCESS"):
        client.orders.wait(order_id, until="PAID")
    client.orders.cancel(order_id)
    for wanted in ("SUCCESS", ["REFUNDED", "SUCCESS"], [Order.SUCCESS]):
        words = r"the order is CANCELLED, and will not be .*SUCCESS any more"
        with pytest.raises(StatusUnreachableError, match=words) as never:
            client.orders.wait(order_id, until=wanted, timeout=3600)
        assert never.value.status == "CANCELLED"
    # who has caught these before
    assert issubclass(StatusUnreachableError, TimeoutError)
    assert client.orders.wait(order_id, until=("SUCCESS", Order.CANCELLED)).status == "CANCELLED"


def test_time_is_moved_on(client: Any) -> None:
    order_id = client.orders.create(amount=("12.00", "EUR")).order_id
    assert client.test_clock.advance(by=timedelta(hours=25)).advanced == timedelta(hours=25)
    assert client.orders.wait(order_id, until="EXPIRED").status == "EXPIRED"
    assert client.test_clock.get().advanced == timedelta(hours=25)


def test_times_and_statuses_are_written_as_python_does(client: Any) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    order = client.orders.create(amount=("5", "EUR"), expire_time=until)
    assert order.expire_time == until
    client.orders.cancel(order.order_id)
    for cancelled in ("CANCELLED", Order.CANCELLED):
        assert [one.order_id for one in client.orders.list(status=cancelled)] == [order.order_id]
    assert list(client.orders.list(status="NEW")) == []
    found = client.orders.get(order.order_id)
    assert (found.status, found.status == "CANCELLED", found.status != "NEW") == ("CANCELLED", True, True)
    assert {found.status: 1}["CANCELLED"] == 1
    assert found.status == Order.CANCELLED
    assert (found.create_time.tzinfo, found.paid_amount) == (UTC, None)
    assert list(client.orders.list(create_time_from=order.create_time, statuses=["CANCELLED"])) == [found]


def test_settings_are_read_and_written(client: Any) -> None:
    rule = RoutingRule(name="all", targets=[RoutingTarget(provider="paypal", weight=1)])
    client.routing_policy.update(rules=[rule])
    assert list(client.routing_policy.get().rules) == [rule]
    endpoint = client.webhook_endpoints.create(url="http://127.0.0.1:9/hook", event_types=["order.*"])
    changed = client.webhook_endpoints.update(endpoint.webhook_endpoint_id, enabled=False)
    assert (changed.enabled, changed.url, changed.event_types) == (False, endpoint.url, ["order.*"])
    rotated = client.webhook_endpoints.rotate_secret(endpoint.webhook_endpoint_id, overlap=timedelta(hours=1))
    assert rotated.secret != endpoint.secret
    client.webhook_endpoints.delete(endpoint.webhook_endpoint_id)
    assert list(client.webhook_endpoints.list()) == []


def test_stream_tells_what_the_log_does(client: Any) -> None:
    order_id, _ = pay(client)
    types = ["order.*", "payment.succeeded"]
    told = list(islice(client.events.stream(last_event_id=BEGINNING, event_types=types), 4))
    assert {event.type for event in told} == {
        "order.created",
        "order.processing",
        "order.succeeded",
        "payment.succeeded",
    }
    assert {event.order_id for event in told} == {order_id}
    assert [client.events.get(event.event_id) for event in told] == told
    (after,) = islice(client.events.stream(last_event_id=told[2].event_id, event_types=types), 1)
    assert after == told[3]


def test_list_follows_its_pages(client: Any) -> None:
    made = [client.orders.create(amount=("1.00", "EUR")).order_id for _ in range(5)]
    orders = client.orders.list(page_size=2)
    assert [order.order_id for order in orders] == made[::-1]
    assert [order.order_id for order in client.orders.list(page_size=5)] == made[::-1]


@pytest.mark.parametrize(
    "amount", [(12.0, "EUR"), (12, "EUR"), ("12.00", None), 12.5, "12.00 EUR", {"value": "12.00", "currency": "EUR"}]
)
def test_amounts_are_texts(client: Any, amount: Any) -> None:
    with pytest.raises(TypeError, match="two texts"):
        client.orders.create(amount=amount)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda c: c.orders.create(amount=("1.00", "EUR"), metadata={"a": "b", "cart": 7}),
            r"metadata\['cart'\]: a text, not 7",
        ),
        (
            lambda c: c.orders.create(amount=("1.00", "EUR"), metadata={7: "cart"}),
            "metadata, a key of it: a text, not 7",
        ),
        (lambda c: c.orders.create(amount=("1.00",)), "two texts, .*, not a tuple of a text"),
        (lambda c: c.orders.list(statuses=["NEW", "paid"]), r"statuses\[1\]: one of NEW, PROCESSING, .*, not a text"),
        (lambda c: c.orders.create(amount=("1.00", "EUR"), metadata=["cart"]), "metadata: a dict of texts, such as"),
        (
            lambda c: c.orders.create(amount=("1.00", "EUR"), merchant_order_id=1001),
            "merchant_order_id: a text, not 1001",
        ),
        (
            lambda c: c.orders.create(amount=("1.00", "EUR"), expire_time="2030-01-01"),
            "a datetime with its zone, .* a text",
        ),
        (lambda c: c.orders.get(uuid.UUID(NOBODY)), "order_id: a text, not a UUID"),
        (lambda c: c.orders.list(page_size="10"), "page_size: a number, not a text"),
        (lambda c: c.orders.list(status="paid"), "status: one of NEW, PROCESSING, .*, not a text"),
        (lambda c: c.webhook_endpoints.create(url="https://8.8.8.8/h", event_types="order.*"), "a list, each a text"),
        (
            lambda c: c.webhook_endpoints.create(url="https://8.8.8.8/h", event_types=["*", 4]),
            r"event_types\[1\]: a text, not 4",
        ),
        (lambda c: c.webhook_endpoints.rotate_secret(NOBODY, overlap=3600), r"timedelta\(hours=1\), not 3600"),
    ],
)
def test_argument_of_another_kind_is_named_with_what_is_wanted(
    call: Callable[[Any], Any], words: str, client: Any
) -> None:
    with pytest.raises(TypeError, match=words):
        call(client)


def test_time_without_a_zone_is_refused(client: Any) -> None:
    with pytest.raises(ValueError, match="time zone"):
        client.orders.create(amount=("1.00", "EUR"), expire_time=datetime(2027, 1, 1))
    assert list(client.orders.list()) == []


def test_wrong_fields_are_named(client: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.orders.create(amount=("12.001", "EUR"))
    error = refused.value
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert [one.field for one in error.violations] == ["amount.value"]
    assert error.request_id
    assert error.request_id in str(error)


def test_each_refusal_has_its_kind(
    client: Any, new_client: NewClient, gateway: Ready, new_merchant: NewMerchant
) -> None:
    reader = new_client(new_merchant(scopes=["orders:read"]).secret, gateway.edge_url)
    order_id, _ = pay(client)
    client.orders.create(amount=("1.00", "EUR"), idempotency_key="once")
    refusals: list[tuple[Callable[[], Any], type[FusionXPayError], str]] = [
        (lambda: client.orders.get(NOBODY), NotFoundError, "ORDER_NOT_FOUND"),
        (lambda: client.orders.cancel(order_id), PreconditionError, "ORDER_NOT_CANCELLABLE"),
        (
            lambda: client.orders.create(amount=("2.00", "EUR"), idempotency_key="once"),
            ConflictError,
            "IDEMPOTENCY_KEY_REUSED",
        ),
        (lambda: reader.orders.create(amount=("1.00", "EUR")), PermissionDeniedError, "SCOPE_MISSING"),
        (
            lambda: new_client("sk_test_no", gateway.edge_url).orders.get(order_id),
            AuthenticationError,
            "API_KEY_INVALID",
        ),
    ]
    for call, kind, reason in refusals:
        with pytest.raises(kind) as refused:
            call()
        assert refused.value.reason == reason


def test_https_needs_the_gateways_ca(new_client: NewClient, gateway: Ready, merchant: Merchant) -> None:
    trusting = new_client(merchant.secret, gateway.edge_https_url, ca_file=gateway.ca_file)
    assert trusting.orders.create(amount=("1.00", "EUR")).order_id
    with pytest.raises(UnavailableError):
        new_client(merchant.secret, gateway.edge_https_url, retries=0).orders.get(NOBODY)


def test_requests_are_signed(new_client: NewClient, gateway: Ready, new_merchant: NewMerchant) -> None:
    merchant = new_merchant(signature=identity_pb2.ApiKey.REQUIRED)
    signing = new_client(merchant.secret, gateway.edge_url, signing_secret=merchant.signing_secret)
    order = signing.orders.create(amount=("1.00", "EUR"))
    assert [one.order_id for one in signing.orders.list()] == [order.order_id]
    with pytest.raises(AuthenticationError) as refused:
        new_client(merchant.secret, gateway.edge_url).orders.get(order.order_id)
    assert refused.value.reason == "SIGNATURE_REQUIRED"


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://pay.example", "https://", "https://pay.example/v1"])
def test_what_is_no_address_of_a_gateway_is_refused(new_client: NewClient, url: str) -> None:
    with pytest.raises(ValueError, match="address of a gateway"):
        new_client("sk_test_1", url)


def test_key_in_the_place_of_the_address_is_not_repeated(new_client: NewClient) -> None:
    with pytest.raises(ValueError, match="key comes first") as refused:
        new_client("https://pay.example", "sk_live_secret")
    assert "sk_live" not in str(refused.value)


def test_key_with_a_line_end_is_refused_at_once(new_client: NewClient) -> None:
    with pytest.raises(ValueError, match="line ends"):
        new_client("sk_test_1\n", "https://pay.example")
