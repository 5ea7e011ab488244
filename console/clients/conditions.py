"""What is wrong in the gateway now, by the alert rules' conditions: each service is asked for what it measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import grpc
from fusionx.mesh.v1 import metrics_service_pb2 as service_pb2
from fusionx.mesh.v1.metrics_service_pb2_grpc import MetricsServiceStub

from console.clients.merchant_api import Json
from mesh import errors
from mesh.alerts import growth, rules
from mesh.rpc.client import channel
from mesh.tls import TlsFiles

SERVICE = service_pb2.DESCRIPTOR.services_by_name["MetricsService"]
SECONDS = 3.0
"""How long a service may take to answer before it counts as one that does not."""
NEAREST, FURTHEST = 3.0, 300.0
"""How many seconds two looks may be apart by which it is told what has grown."""
_ANSWERS = rules.Sample("up", {}, 1.0)
_ASKED = service_pb2.ListSamplesRequest(names=sorted(rules.LOOKED_AT | growth.LOOKED_AT))


class Conditions:
    """One process of each service, as this one sees it. What has grown is told from the second look on."""

    def __init__(self, targets: Mapping[str, str], tls: TlsFiles | None) -> None:
        self._targets = targets
        self._channels = {name: channel(target, SERVICE, peer=name, tls=tls) for name, target in targets.items()}
        self._stubs = {name: MetricsServiceStub(opened) for name, opened in self._channels.items()}
        self._told: tuple[float, list[Json]] | None = None
        self._before: tuple[float, list[rules.Process]] | None = None

    async def wrong(self) -> list[Json]:
        """Return what is wrong, what gets somebody up first: its alert, in words, and whether it does.

        Whoever asks a moment later is told the same.
        """
        if self._told and time.monotonic() - self._told[0] < NEAREST:
            return self._told[1]
        processes = list(await asyncio.gather(*map(self._look, self._stubs)))
        found = rules.problems(processes, self._grown(processes))
        told: list[Json] = [{"alert": one.alert, "words": one.words, "page": one.page} for one in found]
        self._told = (time.monotonic(), told)
        return told

    def _grown(self, processes: list[rules.Process]) -> list[rules.Problem]:
        now = time.monotonic()
        since, before = self._before or (now, processes)
        if not self._before or now - since >= NEAREST:
            self._before = (now, processes)
        return growth.Growth(before, processes, now - since).problems() if NEAREST <= now - since < FURTHEST else []

    async def _look(self, name: str) -> rules.Process:
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._stubs[name].ListSamples(_ASKED, timeout=SECONDS)
        except (errors.ApiError, TimeoutError) as error:
            # the version before answers, and does not tell
            is_older = isinstance(error, errors.ApiError) and error.code == grpc.StatusCode.UNIMPLEMENTED
            return rules.Process(name, self._targets[name], [_ANSWERS] if is_older else [])
        samples = [rules.Sample(one.name, dict(one.labels), one.value) for one in answer.samples]
        return rules.Process(name, answer.process, samples)

    async def close(self) -> None:
        """Close the channels."""
        for opened in self._channels.values():
            await opened.close()
