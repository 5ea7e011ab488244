"""Every process of the mesh against every service: only the callers that a service declares get through."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.contract.descriptors import contract_services
from mesh.rpc.callers import callers_of
from mesh.rpc.dial import dial
from mesh.tls import TlsFiles
from stack.authority import MESH_NAMES
from stack.stack import Ready
from tests.support.waiting import PATIENCE

OWNERS = {
    "order": "order_svc",
    "payment": "payment_svc",
    "notify": "notify_svc",
    "identity": "edge",
    "audit": "audit_svc",
}
SHARED = {
    "fusionx.mesh.v1.DeadLetterService": ("order_svc", "notify_svc"),
    "fusionx.mesh.v1.OutboxService": ("order_svc", "payment_svc"),
    "fusionx.mesh.v1.BacklogService": ("order_svc", "payment_svc", "notify_svc"),
    "fusionx.mesh.v1.MetricsService": tuple(OWNERS.values()),
}
"""What several services have, each for its own."""
DESCRIBED = contract_services()


def files_of(gateway: Ready, name: str) -> TlsFiles:
    folder = Path(gateway.ca_file).parent / name
    return TlsFiles(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")


def reason_of(error: grpc.RpcError) -> str:
    """Return the machine-readable reason of a refusal; empty where there is none."""
    assert isinstance(error, grpc.Call)
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            assert isinstance(value, bytes)
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return str(info.reason)
    return ""


def owners_of(service: ServiceDescriptor) -> tuple[str, ...]:
    return SHARED.get(service.full_name) or (OWNERS[service.full_name.split(".")[1]],)


@pytest.mark.parametrize("caller", MESH_NAMES)
@pytest.mark.parametrize(
    ("service", "owner"),
    [
        pytest.param(service, owner, id=f"{service.full_name}-{owner}")
        for service in DESCRIBED
        for owner in owners_of(service)
    ],
)
def test_only_declared_callers_pass(caller: str, service: ServiceDescriptor, owner: str, gateway: Ready) -> None:
    with dial(gateway.services[owner], owner, files_of(gateway, caller)) as channel:
        for method in service.methods:
            call: grpc.UnaryUnaryMultiCallable[Message, Message] = channel.unary_unary(
                f"/{service.full_name}/{method.name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            reason = ""
            try:
                # an empty request: who gets through is told what is missing, or gets what needs nothing
                call(GetMessageClass(method.input_type)(), timeout=PATIENCE)
            except grpc.RpcError as error:
                reason = reason_of(error)
            assert (reason == "CALLER_NOT_ALLOWED") == (caller not in callers_of(service)), (method.name, reason)


@pytest.mark.parametrize("caller", MESH_NAMES)
def test_only_envoy_asks_for_authorization(caller: str, gateway: Ready) -> None:
    with dial(gateway.services["edge"], "edge", files_of(gateway, caller)) as channel:
        stub = external_auth_pb2_grpc.AuthorizationStub(channel)
        if caller == "envoy":
            assert stub.Check(external_auth_pb2.CheckRequest(), timeout=PATIENCE).status.code
            return
        with pytest.raises(grpc.RpcError) as error:
            stub.Check(external_auth_pb2.CheckRequest(), timeout=PATIENCE)
    assert reason_of(error.value) == "CALLER_NOT_ALLOWED"


@pytest.mark.parametrize("service", OWNERS.values())
def test_plain_text_is_refused_by_every_service(service: str, gateway: Ready) -> None:
    with grpc.insecure_channel(gateway.services[service]) as channel, pytest.raises(grpc.RpcError) as error:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    assert isinstance(error.value, grpc.Call)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
