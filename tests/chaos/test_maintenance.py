"""Operators take a provider out of routing until a time: new payments go elsewhere, and what it has goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub
from typer.testing import CliRunner, Result

from cli.__main__ import app
from stack.stack import Ready
from tests.support.merchant.api import RETURN_URL, Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.stack.mesh import dial_service, operator_environment
from tests.support.waiting import PATIENCE, eventually

# on a stack of its own: others' payments would go elsewhere as well
pytestmark = pytest.mark.xdist_group("chaos")
WHO = "ops@example.com"


@pytest.fixture
def operators(gateway: Ready) -> Iterator[ProviderServiceStub]:
    """The operators' RPCs; whatever a test has begun is over after it."""
    with dial_service(gateway, "payment_svc") as channel:
        stub = ProviderServiceStub(channel)
        yield stub
        for one in listed(stub):
            if one.active:
                stub.EndMaintenance(provider_pb2.EndMaintenanceRequest(provider=one.provider, operator=WHO))


def listed(stub: ProviderServiceStub) -> list[provider_pb2.Maintenance]:
    return list(stub.ListMaintenances(provider_pb2.ListMaintenancesRequest(), timeout=PATIENCE).maintenances)


def start(
    stub: ProviderServiceStub, provider: str, *, lasts: timedelta = timedelta(hours=1), why: str = "They said so."
) -> provider_pb2.Maintenance:
    request = provider_pb2.StartMaintenanceRequest(provider=provider, operator=WHO, why=why)
    request.until_time.FromDatetime(datetime.now(UTC) + lasts)
    return stub.StartMaintenance(request, timeout=PATIENCE)


def routed(merchant: Merchant) -> Json:
    order_id = merchant.new_order()["order_id"]
    return merchant.post("/v1/payments", {"order_id": order_id, "return_url": RETURN_URL})


def test_routing_passes_it_over_and_the_payment_says_why(merchant: Merchant, operators: ProviderServiceStub) -> None:
    held = merchant.charge(merchant.new_order()["order_id"])
    started = start(operators, "stripe")
    assert started.active
    eventually(lambda: routed(merchant)["provider"] == "paypal", "the other provider")
    payment = routed(merchant)
    until = started.until_time.ToDatetime().strftime("%Y-%m-%d %H:%M")
    assert f"stripe passed over: it is in maintenance until {until} UTC" in payment["routing"]["reason"]
    timeline = merchant.get(f"/v1/orders/{payment['order_id']}/timeline")["entries"]
    assert any("in maintenance until" in entry["detail"] for entry in timeline), timeline
    preview = merchant.post("/v1/routing_policy:preview", {"amount": {"value": "12.00", "currency": "EUR"}})
    refusals = {one["provider"]: one["refusal"] for one in preview["candidates"]}
    assert "in maintenance until" in refusals["stripe"]
    # what names it, and what it has, goes on
    assert merchant.open_page(merchant.new_order()["order_id"])["provider"] == "stripe"
    refund = merchant.post(f"/v1/payments/{held['payment_id']}/refunds", {})
    assert refund["status"] in ("PENDING", "SUCCESS")
    shown = operators.ListProviders(provider_pb2.ListProvidersRequest(), timeout=PATIENCE).providers
    (stripe,) = (one for one in shown if one.name == "stripe")
    assert (stripe.maintenance.operator, stripe.maintenance.why) == (WHO, "They said so.")
    ended = operators.EndMaintenance(provider_pb2.EndMaintenanceRequest(provider="stripe", operator="second"))
    assert (ended.ended_by, ended.active) == ("second", False)
    eventually(lambda: routed(merchant)["provider"] == "stripe", "the provider again")


def test_it_ends_by_itself(merchant: Merchant, operators: ProviderServiceStub) -> None:
    # long enough for a slow machine to see that it is under way
    begun = start(operators, "stripe", lasts=timedelta(seconds=8))
    eventually(lambda: routed(merchant)["provider"] == "paypal", "the other provider")
    eventually(lambda: routed(merchant)["provider"] == "stripe", "the provider again")
    ended = next(one for one in listed(operators) if one.maintenance_id == begun.maintenance_id)
    assert (ended.active, ended.ended_by) == (False, "")


def test_the_second_one_replaces_the_first(operators: ProviderServiceStub) -> None:
    first = start(operators, "paypal", why="the first")
    second = start(operators, "paypal", why="the second")
    by_id = {one.maintenance_id: one for one in listed(operators)}
    assert (by_id[first.maintenance_id].active, by_id[first.maintenance_id].ended_by) == (False, WHO)
    assert by_id[second.maintenance_id].active
    assert [one.why for one in listed(operators)[:2]] == ["the second", "the first"]


def test_nothing_goes_where_all_are_in_maintenance(merchant: Merchant, operators: ProviderServiceStub) -> None:
    for provider in ("stripe", "paypal", "bank_transfer"):
        start(operators, provider)

    def refused() -> bool:
        body = {"order_id": merchant.new_order()["order_id"], "return_url": RETURN_URL}
        answer = merchant.http.post("/v1/payments", json=body)
        return answer.status_code >= 400 and "NO_ROUTE" in problem(answer)

    eventually(refused, "the refusal")


def test_a_wrong_one_is_refused(operators: ProviderServiceStub) -> None:
    for provider, lasts in (
        ("nobody", timedelta(hours=1)),
        ("stripe", timedelta(seconds=-5)),
        ("stripe", timedelta(days=31)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            start(operators, provider, lasts=lasts)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as none:
        operators.EndMaintenance(provider_pb2.EndMaintenanceRequest(provider="stripe", operator=WHO))
    assert none.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_command_starts_lists_and_ends_it(operators: ProviderServiceStub, gateway: Ready) -> None:
    env = {"COLUMNS": "250", "FUSIONXPAY_PAYMENT_TARGET": gateway.services["payment_svc"]}
    env |= operator_environment(gateway)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["maintenance", *arguments], env=env)

    started = run("start", "paypal", "--by", WHO, "--why", "They said so.", "--for", "2h", "--json")
    assert started.exit_code == 0, started.output
    (made,) = json.loads(started.output)
    lasts = datetime.fromisoformat(made["until_time"]) - datetime.fromisoformat(made["create_time"])
    assert abs(lasts - timedelta(hours=2)) < timedelta(minutes=1)
    (newest, *_) = listed(operators)
    assert (newest.maintenance_id, newest.provider, newest.active) == (made["maintenance_id"], "paypal", True)
    assert "under way" in run("list").output
    shown = CliRunner().invoke(app, ["providers"], env=env)
    assert f"paypal: in maintenance until {made['until_time']}: They said so." in shown.output
    again = run(
        "start", "paypal", "--by", "second", "--why", "Longer.", "--until", f"{made['until_time'][:10]}T23:59:59Z"
    )
    assert again.exit_code == 0, again.output
    ended = run("end", "paypal", "--by", "third")
    assert "ended by third" in ended.output
    assert not any(one.active for one in listed(operators))
    assert run("end", "paypal", "--by", WHO).exit_code == 69
    for wrong in ([], ["--for", "2h", "--until", "2030-01-31"], ["--for", "soon"]):
        assert run("start", "paypal", "--by", WHO, "--why", "They said so.", *wrong).exit_code == 2
    assert run("start", "nobody", "--by", WHO, "--why", "Who?", "--for", "2h").exit_code == 69
