"""What lists share: the filters that every one of them has."""

from __future__ import annotations

import pytest
from fusionx.order.v1.order_pb2 import Order
from fusionx.order.v1.order_service_pb2 import ListOrdersRequest

from mesh.errors import ApiError
from mesh.lists import listing


def test_status_and_statuses_are_both_to_be_met() -> None:
    both = ListOrdersRequest(status=Order.NEW, statuses=[Order.NEW, Order.SUCCESS])
    assert listing(both).statuses == ["NEW"]
    assert listing(ListOrdersRequest(statuses=[Order.NEW, Order.SUCCESS])).statuses == ["NEW", "SUCCESS"]
    assert listing(ListOrdersRequest(status=Order.NEW)).statuses == ["NEW"]
    assert listing(ListOrdersRequest()).statuses == []
    with pytest.raises(ApiError) as refused:
        listing(ListOrdersRequest(status=Order.FAILED, statuses=[Order.NEW]))
    assert [one.field for one in refused.value.violations] == ["status"]
