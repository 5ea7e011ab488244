"""Every public RPC, by every way to call it: without a key, without its scope, and as another merchant.

The table is read from the contract, so a new RPC is in it; one that cannot be called from what is known here fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message_factory import GetMessageClass

from mesh.rpc.routes import Route, contract_routes, scopes_of
from stack.stack import Ready
from tests.support.merchant.api import Identities, Json, Merchant
from tests.support.merchant.errors import problem, refusal
from tests.support.merchant.everything import Call, call_of, lists_of, one_of_everything
from tests.support.providers.sandbox import Provider
from tests.support.stack.storage import rows_of

# What a merchant has is made once for all of these, also where several workers share the tests.
pytestmark = pytest.mark.xdist_group("scopes")

ROUTES = [route for route in contract_routes() if route.is_authenticated]
RPCS = list({route.rpc.full_name: route for route in ROUTES}.values())
SCOPES = scopes_of(ROUTES)
GROWING = (
    *("GetOrderTimeline", "ListEvents", "ListEventDeliveries", "ListWebhookEndpointDeliveries"),
    "ListProviderExchanges",
)
"""What grows by itself, with every webhook that a provider sends late and every attempt to deliver an event."""

NewMerchant = Callable[..., Merchant]
Tenant = tuple[Merchant, dict[str, str]]


def name_of(route: Route) -> str:
    return f"{route.method} {route.template}"


@pytest.fixture(scope="module")
def owner(gateway: Ready) -> Iterator[Tenant]:
    """A merchant that has one of everything, which no test here changes."""
    with closing(Identities(gateway)) as identities, closing(Provider.of(gateway)) as provider:
        merchant = Merchant(gateway.edge_url, *identities.new_merchant())
        yield merchant, one_of_everything(merchant, provider)
        merchant.http.close()


@pytest.fixture(scope="module")
def seen(owner: Tenant) -> Iterator[list[Json]]:
    """All that it can read before others try anything, and so when they have tried everything."""
    before = _seen(*owner)
    yield before
    assert _seen(*owner) == before


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_without_a_key_it_is_401_and_nothing_is_stored(route: Route, owner: Tenant, gateway: Ready) -> None:
    merchant, ids = owner
    before = rows_of(gateway, merchant.tenant_id)
    with httpx.Client(base_url=gateway.edge_url, timeout=30) as nobody:
        answer = call_of(route, ids).send(nobody, **{"x-merchant-id": merchant.tenant_id, "x-merchant-scopes": "*"})
    assert problem(answer) == (401, "API_KEY_INVALID", set())
    assert rows_of(gateway, merchant.tenant_id) == before


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_without_its_scope_it_is_403_naming_the_scope_and_nothing_is_stored(
    route: Route, owner: Tenant, new_merchant: NewMerchant, gateway: Ready
) -> None:
    merchant, ids = owner
    before = rows_of(gateway, merchant.tenant_id)
    key = new_merchant(merchant.merchant_id, scopes=sorted(SCOPES - {route.scope}))
    answer = call_of(route, ids).send(key.http, **{"x-merchant-scopes": "*"})
    assert problem(answer) == (403, "SCOPE_MISSING", set())
    assert route.scope in answer.json()["message"]
    assert answer.json()["details"][0]["metadata"] == {"scope": route.scope}
    assert rows_of(gateway, merchant.tenant_id) == before


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_its_scope_is_enough(route: Route, owner: Tenant, new_merchant: NewMerchant) -> None:
    """Also where a service has to ask another one: the merchant's key needs no scope for that."""
    merchant, ids = owner
    call, reads = call_of(route, ids), route.method == "GET"
    # what changes something is asked for by somebody who has nothing, and so finds nothing
    key = new_merchant(merchant.merchant_id if reads else "", scopes=[route.scope])
    answer = call.send(key.http)
    assert answer.status_code == (404 if call.refers and not reads else 200), answer.text


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_another_merchant_finds_nothing_and_changes_nothing(
    route: Route, owner: Tenant, seen: list[Json], new_merchant: NewMerchant, gateway: Ready
) -> None:
    merchant, ids = owner
    call = call_of(route, ids)
    stored = rows_of(gateway, merchant.tenant_id)
    stranger = new_merchant()
    answer = call.send(stranger.http, **{"x-merchant-id": merchant.tenant_id})
    if call.refers:
        assert answer.status_code == 404, answer.text
        assert problem(answer)[1].endswith("_NOT_FOUND")
    else:
        assert answer.status_code == 200, answer.text
        if call.streams:
            assert answer.text.startswith("retry:")
            assert "data:" not in answer.text
        elif route.is_export:
            # the headings, and nothing below
            assert len(answer.text.splitlines()) == 1, answer.text
        elif route.method == "GET":
            assert all(found == [] for found in lists_of(route, answer.json())), answer.text
    # for what only reads it is looked at once, in the end: each look asks for everything there is to read
    assert route.method == "GET" or _seen(merchant, ids) == seen
    assert rows_of(gateway, merchant.tenant_id) == stored


def _seen(merchant: Merchant, ids: dict[str, str]) -> list[Json]:
    """Return all that a merchant can read of what it has."""
    reads = [
        route for route in ROUTES if route.method == "GET" and route.rpc.name not in GROWING and not route.is_stream
    ]
    calls: list[Call] = [call_of(route, ids) for route in reads]
    return [call.send(merchant.http).raise_for_status().json() for call in calls]


@pytest.mark.parametrize("route", RPCS, ids=lambda route: route.rpc.full_name)
@pytest.mark.parametrize("scopes", [None, "missing"])
def test_native_grpc_is_held_to_the_same(
    scopes: str | None,
    route: Route,
    owner: Tenant,
    new_merchant: NewMerchant,
    gateway: Ready,
) -> None:
    merchant, _ = owner
    metadata: list[tuple[str, str]] = [("x-merchant-id", merchant.tenant_id), ("x-merchant-scopes", "*")]
    wanted: tuple[grpc.StatusCode, str] = (grpc.StatusCode.UNAUTHENTICATED, "API_KEY_INVALID")
    if scopes:
        key = new_merchant(merchant.merchant_id, scopes=sorted(SCOPES - {route.scope}))
        metadata.append(("authorization", f"Bearer {key.secret}"))
        wanted = (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    with grpc.insecure_channel(gateway.edge_grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        _native(channel, route)(b"", metadata=metadata, timeout=10)
    said = refusal(refused.value)
    assert (said.code, said.reason) == wanted


def _native(channel: grpc.Channel, route: Route) -> Any:
    answer = GetMessageClass(route.rpc.output_type)
    path = f"/{route.service}/{route.rpc.name}"
    return channel.unary_unary(path, request_serializer=bytes, response_deserializer=answer.FromString)


def test_payment_can_be_started_and_looked_at_with_scopes_for_payments_alone(
    merchant: Merchant, new_merchant: NewMerchant
) -> None:
    order_id = merchant.new_order()["order_id"]
    key = new_merchant(merchant.merchant_id, scopes=["payments:read", "payments:write"])
    payment = key.charge(order_id)
    assert key.wait_for_payment(payment["payment_id"], "SUCCESS")["order_id"] == order_id
    assert key.get(f"/v1/orders/{order_id}/timeline")["entries"]
    assert problem(key.http.get(f"/v1/orders/{order_id}"))[:2] == (403, "SCOPE_MISSING")
