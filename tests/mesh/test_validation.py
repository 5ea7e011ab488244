from __future__ import annotations

import pytest
from fusionx.notify.v1 import notify_service_pb2
from fusionx.order.v1 import order_service_pb2
from fusionx.payment.v1 import payment_service_pb2
from fusionx.type.v1 import money_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.errors import ApiError
from mesh.validation import validate, violations_of

ORDER_ID = "01a2081b-7886-7068-9e1a-d7c0f5764b64"
EURO = money_pb2.Money(value="1.00", currency="EUR")
Order = order_service_pb2.CreateOrderRequest
ListOrders = order_service_pb2.ListOrdersRequest
Rotate = notify_service_pb2.RotateWebhookEndpointSecretRequest
Payment = payment_service_pb2.CreatePaymentRequest


def test_request_that_keeps_the_rules_passes() -> None:
    validate(Order(amount=money_pb2.Money(value="12.00", currency="EUR")))
    validate(Payment(order_id=ORDER_ID, provider="stripe", payment_method="pm_card_visa"))


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (Order(), {"amount"}),
        (Order(amount=money_pb2.Money(value="+1", currency="E")), {"amount.value", "amount.currency"}),
        (Order(amount=money_pb2.Money(value="1", currency="EUR"), metadata={"k": "x" * 501}), {"metadata[k]"}),
        (
            Order(amount=EURO, description="a\0b", metadata={"k": "\0", "\0": "v"}),
            {"description", "metadata[k]", "metadata"},
        ),
        (Payment(order_id=ORDER_ID, provider="stripe"), {"return_url"}),
        (Payment(order_id="7", provider="Stripe!", payment_method="x"), {"order_id", "provider"}),
    ],
)
def test_every_wrong_field_is_named_at_once(request_: Message, fields: set[str]) -> None:
    with pytest.raises(ApiError) as refused:
        validate(request_)
    assert {violation.field for violation in refused.value.violations} == fields
    assert all(violation.description for violation in refused.value.violations)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Order(amount=money_pb2.Money(value="9" * 20, currency="EUR")), "is too large: 12 digits before the point"),
        (Order(amount=money_pb2.Money(value="1.00000", currency="EUR")), "has too many decimals: 4 at the most"),
        (ListOrders(order_by="name"), 'must be one of: "create_time desc", "create_time asc"'),
        (ListOrders(currency="euros"), 'must be an ISO 4217 currency code in capitals, such as "EUR"'),
        (ListOrders(currency="eur"), 'in capitals, such as "EUR"; did you mean "EUR"?'),
        (ListOrders(min_amount="-1"), 'must be a plain decimal such as "12.00"'),
    ],
)
def test_rule_that_is_broken_is_told_in_words(request_: Message, told: str) -> None:
    (wrong,) = violations_of(request_)
    assert told in wrong.description


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (Order(amount=EURO, expire_time=Timestamp(seconds=10**15)), {"expire_time"}),
        (Order(amount=EURO, expire_time=Timestamp(nanos=-1)), {"expire_time"}),
        (
            ListOrders(create_time_from=Timestamp(seconds=-(2**60)), update_time_to=Timestamp(seconds=2**62)),
            {"create_time_from", "update_time_to"},
        ),
        (Rotate(webhook_endpoint_id=ORDER_ID, overlap=Duration(seconds=2**60)), {"overlap"}),
        (Rotate(webhook_endpoint_id=ORDER_ID, overlap=Duration(seconds=1, nanos=-1)), {"overlap"}),
    ],
)
def test_time_that_no_calendar_has_is_refused_by_name(request_: Message, fields: set[str]) -> None:
    with pytest.raises(ApiError) as refused:
        validate(request_)
    assert {violation.field for violation in refused.value.violations} == fields


def test_first_and_last_time_are_times() -> None:
    for seconds in (-62_135_596_800, 253_402_300_799):
        time = Timestamp(seconds=seconds, nanos=999_999_999)
        validate(Order(amount=EURO, expire_time=time))
        assert time.ToDatetime().year in (1, 9999)


def test_of_a_long_request_what_is_found_first_is_told() -> None:
    with pytest.raises(ApiError) as refused:
        validate(Order(amount=EURO, metadata={f"key{number}": "x" * 600 for number in range(40)}))
    assert len(refused.value.violations) == 1
