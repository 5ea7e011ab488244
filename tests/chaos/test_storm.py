"""The short form of `make storm`."""

from __future__ import annotations

from random import Random

import pytest

from stack.stack import Stack
from tests.storm import check, storm
from tests.support.merchant.api import Merchant
from tests.support.merchant.receiver import Receiver

pytestmark = pytest.mark.xdist_group("chaos")
ORDERS = 200


@pytest.mark.slow
def test_no_event_is_lost_though_what_carries_it_is_killed(
    stack: Stack, merchant: Merchant, receiver: Receiver
) -> None:
    kills = storm(stack, merchant, receiver, ORDERS, Random(1))
    assert kills > 1
    check(merchant, receiver, ORDERS)
