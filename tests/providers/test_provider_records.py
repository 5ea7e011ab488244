"""The provider's own books, as its adapter reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psutil
import pytest

from mesh.money import Money
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus
from payment_svc.providers.base import Provider
from payment_svc.providers.registry import Registry
from payment_svc.settings import settings_class
from stack.stack import Ready
from tests.providers.cases import proves
from tests.providers.shop import WIRE, Shop
from tests.support.merchant.api import Json


@pytest.fixture
async def adapter(gateway: Ready, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    """The provider's adapter, set up as in the payment service that runs."""
    for name, value in psutil.Process(gateway.pids["payment_svc"]).environ().items():
        if name.startswith("FUSIONXPAY_"):
            monkeypatch.setenv(name, value)
    settings = settings_class()()
    providers = Registry(
        settings.providers, settings.platform_mode, settings.provider_connection, settings.provider_limits
    )
    yield providers.get(shop.driver.name)
    await providers.close()


def _stored(shop: Shop, payment: Json) -> Payment:
    """The payment as the service has it."""
    return Payment(
        payment_id=UUID(payment["payment_id"]),
        merchant_id=UUID(shop.merchant.merchant_id),
        order_id=UUID(payment["order_id"]),
        provider=payment["provider"],
        provider_reference=payment["provider_reference"],
        amount=Money.parse(**payment["amount"]),
        description="two pears",
        status=PaymentStatus(payment["status"]),
        capture_method=CaptureMethod(payment["capture_method"]),
        captured=WIRE[0],
        refunded=0,
        payment_method=payment["payment_method"],
        return_url=payment["return_url"],
        redirect_url=payment["redirect_url"],
        failure=None,
        version=payment["version"],
        create_time=datetime.fromisoformat(payment["create_time"]),
        update_time=datetime.fromisoformat(payment["update_time"]),
        attempts=(),
    )


@proves()
async def test_payment_is_found_by_our_id_alone(shop: Shop, adapter: Provider) -> None:
    payment = _stored(shop, shop.paid())
    found = await adapter.find(replace(payment, provider_reference=""))
    assert found
    assert (found.reference, found.status, found.amount) == (payment.provider_reference, "SUCCESS", payment.amount)


@proves()
async def test_payment_is_once_in_the_records_of_its_time(shop: Shop, adapter: Provider) -> None:
    payment = _stored(shop, shop.paid())
    since, until = payment.create_time - timedelta(minutes=1), datetime.now(UTC) + timedelta(minutes=1)
    listed = [one async for one in adapter.records(since, until) if one.payment_id == str(payment.payment_id)]
    assert [(one.status, one.amount) for one in listed] == [(PaymentStatus.SUCCESS, payment.amount)]
    assert since <= listed[0].create_time <= until
    before = [one async for one in adapter.records(since - timedelta(minutes=1), since)]
    assert str(payment.payment_id) not in {one.payment_id for one in before}
