"""A run from its beginning to the verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

import grpc
import httpx

from cli.prove.api import RefusedError
from cli.prove.compare import Comparison
from cli.prove.evidence import Evidence, gather
from cli.prove.load import Load
from cli.prove.provider import ProviderDesk
from cli.prove.shop import Shop
from stack.stack import Stack

VICTIMS = ("order_svc", "payment_svc", "notify_svc", "edge", "audit_svc", "envoy", "postgres", "nats", "valkey")
"""Every process but the simulated providers, whose books are what everything is held against."""
CALM_SECONDS = (0.2, 3.0)
"""Between a process that is back and the next death."""
SETTLE_SECONDS = 660.0
"""Longer than the longest wait between two look-ups at a provider that a payment of this age has."""
POLL_SECONDS = 2.0
Say = Callable[[str], None]


def kill_in_turn(stack: Stack, load: Load, seconds: float, chance: Random, say: Say) -> None:
    """Kill a process and start it again, until the time is over; each has had its turn before any has a second."""
    end = time.monotonic() + seconds
    turn: list[str] = []
    while time.monotonic() < end:
        turn = turn or chance.sample(VICTIMS, len(VICTIMS))
        # two at once now and then
        doomed = [turn.pop() for _ in range(min(len(turn), 2 if chance.random() < 0.2 else 1))]
        for name in doomed:
            load.log.kill(name)
            stack.kill(name)
        # what the others need at their start comes first
        for name in sorted(doomed, key=_starts_late):
            stack.start(name)
        say(f"{len(load.log.sales)} orders, {load.log.kills.total()} kills")
        time.sleep(min(chance.uniform(*CALM_SECONDS), max(0.0, end - time.monotonic())))


def _starts_late(name: str) -> int:
    return ("postgres", "nats", "valkey").index(name) if name in ("postgres", "nats", "valkey") else len(VICTIMS)


def settle(load: Load, seconds: float, say: Say) -> tuple[Evidence, Comparison]:
    """Wait until nothing is open any more, or the time is over; return what is known then, and the verdict."""
    asyncio.run(_heal(load))
    end = time.monotonic() + seconds
    while True:
        compared: tuple[Evidence, Comparison] | None = None
        with suppress(httpx.TransportError, grpc.RpcError, RefusedError):
            compared = asyncio.run(_look(load))
        over = time.monotonic() > end
        if compared is not None:
            evidence, verdict = compared
            if over or not (verdict.findings or verdict.waiting):
                return evidence, verdict
            say(f"{len(verdict.waiting)} payments wait, {len(verdict.findings)} things do not agree yet")
        elif over and time.monotonic() > end + SETTLE_SECONDS:
            raise TimeoutError("the gateway cannot be asked")
        time.sleep(POLL_SECONDS)


async def _heal(load: Load) -> None:
    """Take away what faults are left, count what they did, and have the providers send what never came."""
    async with ProviderDesk(load.ready.sandbox_url) as desk:
        for fault in await desk.faults():
            if fault["hits"]:
                load.log.faults[fault["kind"]] += fault["hits"]
            await desk.disarm(fault["id"])
        await desk.send_what_never_came()


async def _look(load: Load) -> tuple[Evidence, Comparison]:
    await _close(load)
    evidence = await gather(load)
    return evidence, Comparison(evidence)


async def _close(load: Load) -> None:
    """Have every merchant leave nothing open that is its own or its customer's turn."""
    sales = {sale.order_id: sale for sale in load.log.sales}
    async with ProviderDesk(load.ready.sandbox_url) as desk:
        for number in range(len(load.members)):
            async with load.api(number) as api:
                for status in ("INITIATED", "REQUIRES_ACTION", "AUTHORIZED", "PROCESSING"):
                    for payment in await api.all("/v1/payments", "payments", status=status):
                        if sale := sales.get(payment["order_id"]):
                            chance = Random(sale.number)  # noqa: S311
                            await Shop(sale, api, desk, load.crowd, chance, load.log).close(payment)
