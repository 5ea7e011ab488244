"""What is asked of the order service, whose version may be the one before."""

from __future__ import annotations

import uuid
from typing import Any, cast

import pytest
from fusionx.order.v1 import order_payment_service_pb2 as pb2

from payment_svc.order_client import OrderCalls

VERSIONS = range(1, 11)


class _Orders:
    """Tells the changes of an order; the version before knows of no parts."""

    def __init__(self, *, knows_parts: bool) -> None:
        self._knows_parts = knows_parts

    async def ListOrderChanges(  # noqa: N802 - the name in the contract
        self, request: pb2.ListOrderChangesRequest, **_: float
    ) -> pb2.ListOrderChangesResponse:
        changes = [pb2.OrderChange(version=version, status="NEW") for version in VERSIONS]
        if not self._knows_parts:
            return pb2.ListOrderChangesResponse(changes=changes)
        part = changes[request.skip :][: request.most or None]
        return pb2.ListOrderChangesResponse(changes=part, skipped=request.skip)


@pytest.mark.parametrize("knows_parts", [True, False])
@pytest.mark.parametrize(("skip", "most"), [(0, 3), (4, 3), (8, 5), (10, 5), (0, 50)])
async def test_a_part_of_the_changes_is_the_same_from_either_version(knows_parts: bool, skip: int, most: int) -> None:
    stub = cast("Any", _Orders(knows_parts=knows_parts))
    changes = await OrderCalls(stub).changes(uuid.uuid4(), uuid.uuid4(), skip, most)
    assert [one.change.version for one in changes] == list(VERSIONS)[skip : skip + most]
