"""What the payment service tells of a capture when it asks whether that settles an order."""

from __future__ import annotations

import uuid
from typing import Any, cast

import pytest
from fusionx.order.v1 import order_payment_service_pb2 as internal_pb2
from fusionx.type.v1 import money_pb2

from mesh.money import Money
from order_svc.api.orders import OrderPaymentServicer
from order_svc.domain import Capture

PAYMENT = uuid.uuid4()


class Orders:
    """Notes the capture that it is told of."""

    told: Capture | None = None

    async def try_to_settle(self, _merchant_id: uuid.UUID, _order_id: uuid.UUID, capture: Capture) -> str:
        """Settle."""
        self.told = capture
        return ""


@pytest.mark.parametrize(("part", "captured"), [("5.00", 500), ("12.00", 1200), (None, None)])
async def test_part_that_was_captured_is_noted_where_it_is_told(part: str | None, captured: int | None) -> None:
    """The version before tells nothing of it: then the event of the capture does."""
    request = internal_pb2.SettleOrderRequest(
        order_id=str(uuid.uuid4()),
        merchant_id=str(uuid.uuid4()),
        payment_id=str(PAYMENT),
        amount=money_pb2.Money(value="12.00", currency="EUR"),
    )
    if part:
        request.captured_amount.CopyFrom(money_pb2.Money(value=part, currency="EUR"))
    orders = Orders()
    answer = await OrderPaymentServicer(cast(Any, orders)).SettleOrder(request, cast(Any, None))
    assert answer.settled
    assert orders.told == Capture(PAYMENT, Money(1200, "EUR"), captured)
