from __future__ import annotations

import pytest
from fusionx.order.v1 import order_service_pb2
from fusionx.payment.v1 import payment_service_pb2
from fusionx.type.v1 import money_pb2
from google.protobuf.message import Message

from mesh.errors import ApiError
from mesh.validation import validate

ORDER_ID = "01a2081b-7886-7068-9e1a-d7c0f5764b64"
EURO = money_pb2.Money(value="1.00", currency="EUR")
Order = order_service_pb2.CreateOrderRequest
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
