"""Every service on its own: health, reflection, and what it does about wrong settings."""

from __future__ import annotations

import os

import psutil
import pytest
from fusionx.audit.v1 import audit_service_pb2
from fusionx.identity.v1 import identity_service_pb2
from fusionx.mesh.v1 import dead_letter_service_pb2, outbox_service_pb2
from fusionx.notify.v1 import event_service_pb2, notify_service_pb2
from fusionx.order.v1 import order_payment_service_pb2, order_service_pb2
from fusionx.payment.v1 import payment_service_pb2, webhook_service_pb2
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from stack.layout import SERVICES
from stack.stack import Ready
from tests.support.stack.mesh import dial_service
from tests.support.stack.starts import starts
from tests.support.waiting import PATIENCE

CONTRACTS: dict[str, tuple[FileDescriptor, ...]] = {
    "order_svc": (
        order_service_pb2.DESCRIPTOR,
        order_payment_service_pb2.DESCRIPTOR,
        dead_letter_service_pb2.DESCRIPTOR,
        outbox_service_pb2.DESCRIPTOR,
    ),
    "payment_svc": (
        payment_service_pb2.DESCRIPTOR,
        webhook_service_pb2.DESCRIPTOR,
        outbox_service_pb2.DESCRIPTOR,
    ),
    "notify_svc": (
        notify_service_pb2.DESCRIPTOR,
        event_service_pb2.DESCRIPTOR,
        dead_letter_service_pb2.DESCRIPTOR,
    ),
    "edge": (identity_service_pb2.DESCRIPTOR,),
    "audit_svc": (audit_service_pb2.DESCRIPTOR,),
}


def _services(name: str) -> set[str]:
    return {service.full_name for file in CONTRACTS[name] for service in file.services_by_name.values()}


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_serving_as_a_whole_and_by_contract(name: str, gateway: Ready) -> None:
    with dial_service(gateway, name) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", *_services(name)):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("name", SERVICES)
def test_reflection_lists_the_contracts(name: str, gateway: Ready) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    with dial_service(gateway, name) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=PATIENCE)
    listed = {service.name for service in answer.list_services_response.service}
    assert listed >= _services(name) | {"grpc.health.v1.Health"}


EVERYWHERE: dict[str, str | None] = {
    "DATABASE_URL": "mysql://host/orders",
    "LISTEN": "everywhere",
    "LOG_LEVEL": "LOUD",
    "DATABASE_POOL_SIZE": "-75",
    "DRAIN_SECONDS": "-7.5",
}
BUS = EVERYWHERE | {"NATS_URL": "http://host"}
NOWHERE: dict[str, str | None] = {"DATABASE_URL": None}
WRONG_SETTINGS: list[tuple[str, dict[str, str | None]]] = [
    ("order_svc", BUS | {"ORDER_LIFETIME": "long", "EVENT_RETRY_SECONDS": "0.1,soon"}),
    ("payment_svc", BUS | {"ORDER_TARGET": None, "PROVIDER_TIMEOUT_SECONDS": "-7.5"}),
    ("payment_svc", {"SECRET_KEYS": "tooshort", "PROVIDER_PROXY": "proxy:3128", "REDIS_URL": "http://redis"}),
    ("payment_svc", {"STRIPE_WEBHOOK_SECRET": None}),
    ("payment_svc", {"BANK_TRANSFER_API_KEY": None}),
    ("payment_svc", {"BANK_TRANSFER_API_BASE": None}),
    ("payment_svc", {"BANK_TRANSFER_WEBHOOK_SECRET": None}),
    ("payment_svc", {"BANK_TRANSFER_TOKEN_SECRET": None}),
    ("notify_svc", BUS | {"SECRET_KEYS": "tooshort", "WEBHOOK_ALLOW_NETWORKS": "10.0.0.0/33"}),
    ("notify_svc", {"SECRET_KEYS": None, "WEBHOOK_PROXY": "proxy:3128"}),
    ("edge", EVERYWHERE | {"KEY_CACHE_SECONDS": "-7.5", "REDIS_URL": "http://redis"}),
    ("audit_svc", EVERYWHERE | {"SPOOL_FILE": None, "ENVOY_ADMIN_URL": "envoy"}),
    *[(service, NOWHERE) for service in SERVICES],
]


@pytest.mark.parametrize("service", SERVICES)
def test_service_with_wrong_settings_refuses_to_start_and_names_each(service: str, gateway: Ready) -> None:
    cases = [wrong for name, wrong in WRONG_SETTINGS if name == service]
    right = psutil.Process(gateway.pids[service]).environ()
    for wrong, (status, said) in zip(cases, starts(service, [_with(wrong, right) for wrong in cases]), strict=True):
        assert status == os.EX_CONFIG, (wrong, said)
        for name, value in wrong.items():
            assert f"FUSIONXPAY_{name}" in said
            assert value is None or value not in said
        assert "Traceback" not in said


def _with(wrong: dict[str, str | None], right: dict[str, str]) -> dict[str, str]:
    changed = {f"FUSIONXPAY_{name}": value for name, value in wrong.items()}
    kept = {name: value for name, value in right.items() if name not in changed}
    return kept | {name: value for name, value in changed.items() if value is not None}
