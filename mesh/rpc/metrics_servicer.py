"""gRPC in, use case, gRPC out: what a process measures of itself."""

from __future__ import annotations

import secrets
from typing import Any

import grpc
from fusionx.mesh.v1 import metrics_service_pb2 as service_pb2
from fusionx.mesh.v1 import metrics_service_pb2_grpc as service_grpc
from prometheus_client import REGISTRY

from mesh.rpc.registration import Registration

Context = grpc.aio.ServicerContext[Any, Any]


class MetricsServicer(service_grpc.MetricsServiceServicer):
    """The internal contract of metrics; its promise is written there."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)

    @classmethod
    def registration(cls) -> Registration:
        """Return the registration, at every service."""
        return Registration.of(service_pb2, service_grpc, cls())

    async def ListSamples(self, request: service_pb2.ListSamplesRequest, _: Context) -> service_pb2.ListSamplesResponse:
        """Return the values of some series."""
        answer = service_pb2.ListSamplesResponse(process=self._process)
        for family in REGISTRY.restricted_registry(request.names).collect():
            for one in family.samples:
                if one.value or family.type == "gauge":
                    answer.samples.add(name=one.name, labels=one.labels, value=one.value)
        return answer
