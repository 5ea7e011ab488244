"""Two replicas of each service: one is replaced, or killed, while merchants go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.operate.rolling import Roller
from stack.process import StackError
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.stack.options import QUICK
from tests.support.stack.traffic import Traffic

pytestmark = pytest.mark.xdist_group("chaos-replicas")
SETTINGS = StackSettings(replicas=2, durable=False, service_env=QUICK)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(SETTINGS) as stack:
        yield stack


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def roller(stack: Stack, said: list[str]) -> Roller:
    return Roller(stack, SETTINGS, said.append, tick=lambda: None)


def traffic(stack: Stack, *, repeat: bool = False) -> Traffic:
    ready = stack.ready
    return Traffic(ready.edge_url, ready.merchant.api_key, repeat=repeat)


def test_rolling_update_of_a_service_and_of_envoy_fails_no_request(stack: Stack, roller: Roller) -> None:
    before = stack.ready.pids
    with traffic(stack).flowing() as merchants:
        merchants.more()
        roller.roll(["order_svc", "envoy"])
        merchants.more()
    assert merchants.failed == {}
    changed = {name for name, pid in stack.ready.pids.items() if before[name] != pid}
    assert changed == {"order_svc", "order_svc.2", "envoy"}


def test_killing_one_replica_of_each_fails_no_request_that_is_repeated(stack: Stack) -> None:
    with traffic(stack, repeat=True).flowing() as merchants:
        for name in ("order_svc", "payment_svc.2", "notify_svc", "edge.2"):
            merchants.more(30)
            stack.kill(name)
        merchants.more(30)
    assert merchants.failed == {}
    for name in ("order_svc", "payment_svc.2", "notify_svc", "edge.2"):
        stack.start(name)


def test_what_cannot_be_rolled_is_refused_before_anything_is_changed(stack: Stack, roller: Roller) -> None:
    before = stack.ready.pids
    with pytest.raises(StackError, match=r"no such service: postgres; there are order_svc, .*envoy"):
        roller.roll(["order_svc", "postgres"])
    assert stack.ready.pids == before
