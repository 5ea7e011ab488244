"""A provider is its folder: one that only the tests have is found, set up and paid with, with no edit elsewhere."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from fusionx.payment.v1 import payment_pb2, payment_service_pb2, webhook_service_pb2
from fusionx.payment.v1.payment_service_pb2_grpc import PaymentServiceStub
from fusionx.payment.v1.webhook_service_pb2_grpc import WebhookServiceStub
from google.api.httpbody_pb2 import HttpBody

from mesh.rpc.dial import dial, tls_of
from mesh.settings import load
from payment_svc import providers
from payment_svc.providers.registry import Registry, discover
from payment_svc.settings import settings_class
from stack.ports import HOST, Ports
from stack.probes import grpc_serving
from stack.process import Child, Command
from stack.stack import Ready
from tests.providers.fourth import FOLDER
from tests.providers.fourth.vouchers.adapter import HEADER, SLOW
from tests.support.merchant.api import Merchant
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE, eventually

SECRET = "a voucher's secret"
START_SECONDS = 60


@pytest.fixture
def fourth(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more folder in `payment_svc/providers`, as far as this process is concerned."""
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, FOLDER])
    for name in ("DATABASE_URL=postgresql://x", "ORDER_TARGET=x:1"):
        monkeypatch.setenv(*f"FUSIONXPAY_{name}".split("="))


def test_folders_are_the_registrations() -> None:
    folders = {file.parent.name for file in Path(providers.__path__[0]).glob("*/__init__.py")}
    assert {name: one.name for name, one in discover().items()} == {name: name for name in folders}
    assert list(discover()) == ["stripe", "paypal", "bank_transfer"]


@pytest.mark.usefixtures("fourth")
@pytest.mark.parametrize("name", [*discover(), "vouchers"])
def test_registration_is_consistent(name: str) -> None:
    registration = discover()[name]
    assert registration.settings.model_config["env_prefix"] == f"FUSIONXPAY_{name.upper()}_"
    assert registration.credentials
    assert set(registration.credentials) <= set(registration.settings.model_fields)
    assert registration.webhook_header == registration.webhook_header.lower()


@pytest.mark.usefixtures("fourth")
def test_folder_brings_settings_and_is_on_when_they_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert next(iter(discover())) == "vouchers"  # those that exist have more in `preference`
    assert load(settings_class()).providers["vouchers"].model_dump()["issuer"] == "nobody"
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("FUSIONXPAY_VOUCHERS_SECRET_FILE", str(tmp_path / "secret"))
    settings = load(settings_class())
    registry = Registry(
        settings.providers, settings.platform_mode, settings.provider_connection, settings.provider_limits
    )
    assert [one.name for one in registry.all()] == ["vouchers"]
    assert registry.recognize({HEADER: ""}).capabilities == discover()["vouchers"].capabilities
    assert SECRET not in repr(settings)


@pytest.mark.usefixtures("fourth")
def test_wrong_settings_of_a_folder_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSIONXPAY_STRIPE_API_BASE", "no address")
    monkeypatch.setenv("FUSIONXPAY_PAYPAL_WEBHOOK_ID", "no id")
    monkeypatch.setenv("FUSIONXPAY_VOUCHERS_SECRET_FILE", "/nowhere")
    with pytest.raises(SystemExit):
        load(settings_class())
    assert "FUSIONXPAY_VOUCHERS_SECRET_FILE" in capsys.readouterr().err
    monkeypatch.delenv("FUSIONXPAY_VOUCHERS_SECRET_FILE")
    with pytest.raises(SystemExit):
        load(settings_class())
    said = capsys.readouterr().err
    assert "FUSIONXPAY_STRIPE_API_BASE" in said
    assert "FUSIONXPAY_PAYPAL_WEBHOOK_ID" in said


class Service:
    """The payment service with the folder, its database and its own process; the rest is the stack's."""

    def __init__(self, gateway: Ready, database_url: str, listen: str, log: Path) -> None:
        self.database_url = database_url
        self._listen = listen
        folder = Path(gateway.ca_file).parent / "envoy"
        self._tls = tls_of({name: str(folder / f"{name}.pem") for name in ("cert", "key", "ca")})
        operator = tls_of(gateway.operator_tls)
        env = psutil.Process(gateway.pids["payment_svc"]).environ() | {
            "FUSIONXPAY_DATABASE_URL": database_url,
            "FUSIONXPAY_LISTEN": listen,
            "FUSIONXPAY_METRICS_LISTEN": f"{HOST}:0",
            "FUSIONXPAY_VOUCHERS_SECRET": SECRET,
        }
        modules = (
            [sys.executable, "-m", "mesh.storage.migrate", "payment_svc"],
            [sys.executable, "-m", "tests.providers.fourth"],
        )
        migrate, serve = (Command(argv, env, ROOT) for argv in modules)
        self.children = [
            Child("migrate", migrate, log),
            Child("payment_svc", serve, log, ready=lambda: grpc_serving(listen, "payment_svc", operator)),
        ]

    def create_payment(self, merchant: Merchant, order_id: str, **fields: Any) -> payment_pb2.Payment:
        """Start a payment, as the edge hands it on."""
        request = payment_service_pb2.CreatePaymentRequest(order_id=order_id, **fields)
        headers = (("x-merchant-id", merchant.tenant_id), ("x-merchant-mode", "test"), ("x-merchant-scopes", "*"))
        with dial(self._listen, "payment_svc", self._tls) as channel:
            return PaymentServiceStub(channel).CreatePayment(request, metadata=headers, timeout=PATIENCE)

    def receive(self, event: dict[str, str]) -> None:
        """Send a webhook to the path that names no provider."""
        request = webhook_service_pb2.ReceiveWebhookRequest(payload=HttpBody(data=json.dumps(event).encode()))
        with dial(self._listen, "payment_svc", self._tls) as channel:
            WebhookServiceStub(channel).ReceiveWebhook(request, metadata=((HEADER, SECRET),), timeout=PATIENCE)

    def row(self, query: str, *values: str) -> tuple[str, ...] | None:
        """Return what is stored."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode(), values).fetchone()


@pytest.fixture
def service(gateway: Ready, tmp_path: Path) -> Iterator[Service]:
    """The service, in a database of the test's own."""
    server, _, _ = gateway.database_urls["payments"].rpartition("/")
    name = f"payments_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin, Ports() as ports:
        admin.execute(f"CREATE DATABASE {name}".encode())
        service = Service(gateway, f"{server}/{name}", f"{HOST}:{ports.take()}", tmp_path / "log")
        try:
            for child in service.children:
                child.start()
                child.wait_ready(START_SECONDS)
            yield service
        finally:
            for child in service.children:
                child.stop(START_SECONDS)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_folder_takes_payments_and_webhooks(service: Service, merchant: Merchant) -> None:
    paid, waiting = (merchant.new_order()["order_id"] for _ in range(2))
    # nobody names the provider: the folder's is preferred
    payment = service.create_payment(merchant, paid, payment_method="voucher_gold")
    assert (payment.provider, payment.status) == ("vouchers", payment_pb2.Payment.SUCCESS)
    merchant.wait_for_order(paid, "SUCCESS")

    slow = service.create_payment(merchant, waiting, provider="vouchers", payment_method=SLOW)
    assert slow.status == payment_pb2.Payment.PROCESSING
    service.receive({"id": "event-1", "payment_id": slow.payment_id})
    verdict = "SELECT provider, status FROM provider_events WHERE event_id = %s AND status <> 'PENDING'"
    assert eventually(lambda: service.row(verdict, "event-1"), "the event's verdict") == ("vouchers", "APPLIED")
    merchant.wait_for_order(waiting, "SUCCESS")
    stored = service.row("SELECT status, provider_reference FROM payments WHERE payment_id = %s", slow.payment_id)
    assert stored == ("SUCCESS", f"v-{slow.payment_id}")
