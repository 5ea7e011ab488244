"""Who may come in: by which key, from where, until when, signed how, and to whose data."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
import httpx
import psycopg
import pytest
from fusionx.identity.v1 import identity_pb2
from fusionx.order.v1 import order_service_pb2 as orders
from fusionx.order.v1.order_service_pb2_grpc import OrderServiceStub

from stack.stack import Ready
from tests.support.merchant.api import LIVE, Identities, Json, Merchant
from tests.support.merchant.errors import problem, refusal
from tests.support.merchant.signed import signature
from tests.support.stack.edges import Edges
from tests.support.stack.storage import rows_of
from tests.support.waiting import PATIENCE, eventually

ORDER: Json = {"amount": {"value": "12.00", "currency": "EUR"}}
BODY = json.dumps(ORDER).encode()
ELSEWHERE = ["203.0.113.0/24", "2001:db8::/32"]
REQUIRED, OPTIONAL = identity_pb2.ApiKey.REQUIRED, identity_pb2.ApiKey.OPTIONAL
NewMerchant = Callable[..., Merchant]


def _revoked(merchant: Merchant, identities: Identities) -> str:
    identities.revoke(merchant.api_key_id)
    return f"Bearer {merchant.secret}"


def _expired(merchant: Merchant, identities: Identities) -> str:
    identities.rotate(merchant.api_key_id)
    return f"Bearer {merchant.secret}"


def _disabled(merchant: Merchant, identities: Identities) -> str:
    identities.disable(merchant.merchant_id)
    return f"Bearer {merchant.secret}"


REFUSED: dict[str, Callable[[Merchant, Identities], str]] = {
    "missing": lambda *_: "",
    "malformed": lambda *_: "Bearer sk_test_",
    "not a bearer": lambda merchant, _: f"Basic {merchant.secret}",
    "unknown": lambda *_: f"Bearer sk_test_{'A' * 43}",
    "of the other mode": lambda merchant, _: f"Bearer {merchant.secret.replace('_test_', '_live_')}",
    "revoked": _revoked,
    "expired": _expired,
    "disabled": _disabled,
}


FORM = "`Authorization: Bearer sk_…`"
OTHER_FORM = f"the header `Authorization` has another form than {FORM}"
NOT_VALID = (
    "this API key is not valid here: it is another gateway's, was mistyped, has expired, was revoked, or its merchant "
    f"is disabled; a valid one is sent as {FORM}"
)
SAID = {
    "missing": f"no API key came with this request; it is sent as {FORM}",
    "malformed": f"this API key is mistyped or not whole: it has another length or other letters than ours; {FORM}",
    "not a bearer": OTHER_FORM,
}
"""What is wrong with the form alone is no secret; of all others the answer does not say what it is."""


@pytest.mark.parametrize("kind", REFUSED)
def test_key_that_is_not_valid_is_not_told_why(
    kind: str, merchant: Merchant, identities: Identities, gateway: Ready
) -> None:
    headers = {"authorization": REFUSED[kind](merchant, identities)}
    merchant.http.headers.pop("authorization")

    eventually(lambda: merchant.http.get("/v1/orders", headers=headers).status_code == 401, "401")
    answer = merchant.http.post("/v1/orders", json=ORDER, headers=headers)
    assert answer.status_code == 401
    body = answer.json()
    assert body["details"].pop() == {
        "@type": "type.googleapis.com/google.rpc.RequestInfo",
        "request_id": answer.headers["x-request-id"],
    }
    assert body == {
        "code": 16,
        "message": SAID.get(kind, NOT_VALID),
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "fusionxpay"}
        ],
    }
    with grpc.insecure_channel(gateway.edge_grpc) as channel, pytest.raises(grpc.RpcError) as error:
        OrderServiceStub(channel).ListOrders(
            orders.ListOrdersRequest(), metadata=tuple(headers.items()), timeout=PATIENCE
        )
    said = refusal(error.value)
    assert (said.code, said.reason, said.message) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "API_KEY_INVALID",
        body["message"],
    )
    assert not any(rows_of(gateway, merchant.tenant_id).values())


def test_merchant_that_is_enabled_again_may_call_again(merchant: Merchant, identities: Identities) -> None:
    merchant.new_order()
    identities.disable(merchant.merchant_id)
    eventually(lambda: merchant.http.get("/v1/orders").status_code == 401, "401")
    identities.enable(merchant.merchant_id)
    eventually(lambda: merchant.http.get("/v1/orders").status_code == 200, "200")


def test_rotated_key_works_on_beside_its_successor(merchant: Merchant, identities: Identities, gateway: Ready) -> None:
    order_id = merchant.new_order()["order_id"]
    successor = Merchant(
        gateway.edge_url, merchant.merchant_id, identities.rotate(merchant.api_key_id, timedelta(hours=1))
    )
    assert successor.order(order_id) == merchant.order(order_id)
    old = identities.key(merchant.api_key_id)
    assert old.HasField("expire_time")
    assert not old.HasField("revoke_time")
    assert identities.key(successor.api_key_id).scopes == old.scopes
    # whoever has lost the answer does it again: the old one's end is that of the overlap by now
    assert not identities.rotate(merchant.api_key_id, timedelta(hours=1)).HasField("expire_time")


def test_key_that_ended_cannot_be_rotated(merchant: Merchant, identities: Identities) -> None:
    identities.revoke(merchant.api_key_id)
    with pytest.raises(grpc.RpcError) as error:
        identities.rotate(merchant.api_key_id)
    assert refusal(error.value).reason == "API_KEY_NOT_ACTIVE"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"scopes": ["orders:read", "orders:steal"]}, "scopes[1]"),
        ({"allowed_ips": ["10.0.0.0/8", "10.0.0.1/8"]}, "allowed_ips[1]"),
        ({"expire_time": {"seconds": 1}}, "expire_time"),
    ],
)
def test_key_that_cannot_be_is_refused_by_the_field(
    fields: dict[str, Any], named: str, merchant: Merchant, identities: Identities
) -> None:
    with pytest.raises(grpc.RpcError, match=named.replace("[", r"\[")):
        identities.new_key(merchant.merchant_id, **fields)


def test_only_digests_and_what_is_encrypted_is_kept(new_merchant: NewMerchant, gateway: Ready) -> None:
    merchant = new_merchant(signature=REQUIRED)
    with psycopg.connect(gateway.database_urls["identity"]) as connection:
        query = b"SELECT k::text, encode(signing_secret, 'escape') FROM api_keys k WHERE api_key_id = %s"
        (row,) = connection.execute(query, [merchant.api_key_id])
    kept = " ".join(row)
    assert merchant.secret not in kept
    assert merchant.secret.encode().hex() not in kept
    assert merchant.signing_secret not in kept


def test_changed_key_may_do_what_was_said_and_nothing_else_of_it_changes(
    new_merchant: NewMerchant, identities: Identities
) -> None:
    merchant = new_merchant(signature=OPTIONAL, scopes=["orders:read"], allowed_ips=["127.0.0.0/8"])
    before = identities.key(merchant.api_key_id)

    def tried(path: str) -> tuple[int, str]:
        answer = merchant.http.get(path)
        return answer.status_code, problem(answer)[1] if answer.status_code >= 400 else ""

    assert tried("/v1/orders")[0] == 200
    changed = identities.change(before.api_key_id, networks={"allowed_ips": ELSEWHERE})
    assert (list(changed.allowed_ips), list(changed.scopes)) == (ELSEWHERE, ["orders:read"])
    eventually(lambda: tried("/v1/orders") == (403, "IP_NOT_ALLOWED"), "the network that is left out")
    identities.change(before.api_key_id, networks={}, scopes=["payments:read"])
    eventually(lambda: tried("/v1/orders") == (403, "SCOPE_MISSING"), "the scope that is left out")
    eventually(lambda: tried("/v1/payments")[0] == 200, "the scope that is new, from anywhere")
    identities.change(before.api_key_id)
    after = identities.key(before.api_key_id)
    assert (list(after.allowed_ips), list(after.scopes)) == ([], ["payments:read"])
    assert (after.mode, after.signature, after.create_time) == (before.mode, before.signature, before.create_time)


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"scopes": ["orders:steal"]}, "scopes[0]"), ({"networks": {"allowed_ips": ["here"]}}, "networks.allowed_ips[0]")],
)
def test_change_to_what_a_key_cannot_be_changes_nothing(
    fields: dict[str, Any], named: str, merchant: Merchant, identities: Identities
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        identities.change(merchant.api_key_id, **({"networks": {"allowed_ips": ELSEWHERE}} | fields))
    assert named in str(refusal(error.value))
    assert identities.key(merchant.api_key_id).allowed_ips == []


def test_key_that_ended_cannot_be_changed(merchant: Merchant, identities: Identities) -> None:
    identities.revoke(merchant.api_key_id)
    with pytest.raises(grpc.RpcError) as error:
        identities.change(merchant.api_key_id, networks={"allowed_ips": ELSEWHERE})
    assert refusal(error.value).reason == "API_KEY_NOT_ACTIVE"


@pytest.mark.parametrize(
    "change", ["revoke_time = now()", "expire_time = now()", "scopes = '{disputes:read}'", "networks = '{10.0.0.0/8}'"]
)
def test_change_of_a_key_by_whatever_means_reaches_every_replica(
    change: str, merchant: Merchant, gateway: Ready, edges: Edges
) -> None:
    """Also by hand, in the database: the number of the change comes from a trigger."""
    address, _ = edges.service()
    replicas = [gateway.edge_url, edges.envoy(address)]

    def statuses() -> set[int]:
        headers = {"authorization": f"Bearer {merchant.secret}"}
        return {httpx.get(f"{url}/v1/orders", headers=headers, timeout=PATIENCE).status_code for url in replicas}

    eventually(lambda: statuses() == {200}, "both replicas to know the key")
    with psycopg.connect(gateway.database_urls["identity"]) as connection:
        connection.execute(f"UPDATE api_keys SET {change} WHERE api_key_id = %s".encode(), [merchant.api_key_id])
    eventually(lambda: statuses() in ({401}, {403}), "the change at both")


def test_keys_are_not_deleted(merchant: Merchant, gateway: Ready) -> None:
    with (
        psycopg.connect(gateway.database_urls["identity"]) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="revoked"),
    ):
        connection.execute("DELETE FROM api_keys WHERE api_key_id = %s", [merchant.api_key_id])


def test_last_use_is_told(merchant: Merchant, identities: Identities) -> None:
    assert not identities.key(merchant.api_key_id).HasField("last_use_time")
    merchant.new_order()
    eventually(lambda: identities.key(merchant.api_key_id).HasField("last_use_time"), "the last use")


def test_live_and_test_data_are_apart(merchant: Merchant, new_merchant: NewMerchant) -> None:
    live = new_merchant(merchant.merchant_id, mode=LIVE)
    assert live.secret.startswith("sk_live_")
    made = {one: one.new_order()["order_id"] for one in (merchant, live)}
    for one, other in ((merchant, live), (live, merchant)):
        assert [order["order_id"] for order in one.get("/v1/orders")["orders"]] == [made[one]]
        for claim in ({}, {"x-merchant-mode": "live"}, {"x-merchant-id": other.tenant_id}):
            answer = one.http.get(f"/v1/orders/{made[other]}", headers=claim)
            assert problem(answer)[:2] == (404, "ORDER_NOT_FOUND")


SPOOFED = [
    {"x-forwarded-for": "203.0.113.7"},
    {"x-client-address": "203.0.113.7"},
    {"x-envoy-external-address": "203.0.113.7"},
    {"x-real-ip": "203.0.113.7", "forwarded": "for=203.0.113.7"},
]


@pytest.mark.parametrize("spoofed", [{}, *SPOOFED], ids=str)
def test_key_is_refused_from_where_it_may_not_be_used(
    spoofed: dict[str, str], new_merchant: NewMerchant, gateway: Ready
) -> None:
    merchant = new_merchant(allowed_ips=ELSEWHERE)
    answer = merchant.http.post("/v1/orders", json=ORDER, headers=spoofed)
    assert problem(answer) == (403, "IP_NOT_ALLOWED", set())
    assert not any(rows_of(gateway, merchant.tenant_id).values())


def test_key_is_taken_from_where_it_may_be_used(new_merchant: NewMerchant) -> None:
    new_merchant(allowed_ips=["127.0.0.0/8", *ELSEWHERE]).new_order()


def test_address_behind_our_own_proxy_is_the_one_that_the_proxy_saw(new_merchant: NewMerchant, edges: Edges) -> None:
    merchant = new_merchant(allowed_ips=ELSEWHERE)
    url = f"{edges.envoy(trusted_hops=1)}/v1/orders"
    seen = {
        "203.0.113.7": 200,
        "2001:db8::7": 200,
        "198.51.100.1": 403,
        "2001:db9::7": 403,
        # what the client wrote stands before what the proxy added
        "203.0.113.7, 198.51.100.1": 403,
        "198.51.100.1, 203.0.113.7": 200,
    }
    for forwarded, status in seen.items():
        headers = {"authorization": f"Bearer {merchant.secret}", "x-forwarded-for": forwarded}
        assert httpx.get(url, headers=headers, timeout=PATIENCE).status_code == status, forwarded


def test_signed_request_is_taken_once(new_merchant: NewMerchant) -> None:
    merchant = new_merchant(signature=REQUIRED)
    headers = signature(merchant.signing_secret, "POST", "/v1/orders", BODY) | {"content-type": "application/json"}
    assert merchant.http.post("/v1/orders", content=BODY, headers=headers).status_code == 200
    again = merchant.http.post("/v1/orders", content=BODY, headers=headers)
    assert problem(again) == (401, "NONCE_REPLAYED", set())
    assert len(signed_get(merchant, "/v1/orders?page_size=5")["orders"]) == 1


def test_signature_covers_the_idempotency_key_and_the_older_form_is_still_taken(new_merchant: NewMerchant) -> None:
    merchant = new_merchant(signature=REQUIRED)
    key = {"idempotency-key": "order-1", "content-type": "application/json"}
    made = []
    for version in (2, 1):
        signed = signature(merchant.signing_secret, "POST", "/v1/orders", BODY, key="order-1", version=version)
        answer = merchant.http.post("/v1/orders", content=BODY, headers=signed | key)
        assert answer.status_code == 200, answer.text
        made.append(answer.json()["order_id"])
    assert made[0] == made[1]


def signed_get(merchant: Merchant, target: str) -> Json:
    answer = merchant.http.get(target, headers=signature(merchant.signing_secret, "GET", target, b""))
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def test_replay_is_refused_at_another_replica(new_merchant: NewMerchant, edges: Edges) -> None:
    merchant = new_merchant(signature=REQUIRED)
    address, _ = edges.service()
    headers = signature(merchant.signing_secret, "GET", "/v1/orders", b"")
    assert merchant.http.get("/v1/orders", headers=headers).status_code == 200
    headers |= {"authorization": f"Bearer {merchant.secret}"}
    assert problem(httpx.get(f"{edges.envoy(address)}/v1/orders", headers=headers)) == (401, "NONCE_REPLAYED", set())


WRONGLY_SIGNED: dict[str, Callable[[str], dict[str, str]]] = {
    "of another body": lambda secret: signature(secret, "POST", "/v1/orders", b"{}"),
    "of another path": lambda secret: signature(secret, "POST", "/order/create", BODY),
    "of another method": lambda secret: signature(secret, "PUT", "/v1/orders", BODY),
    "of another Idempotency-Key": lambda secret: (
        signature(secret, "POST", "/v1/orders", BODY, key="one") | {"idempotency-key": "two"}
    ),
    "of an Idempotency-Key that was taken away": lambda secret: signature(
        secret, "POST", "/v1/orders", BODY, key="one"
    ),
    "by another secret": lambda _: signature("sig_another", "POST", "/v1/orders", BODY),
    "stale": lambda secret: signature(secret, "POST", "/v1/orders", BODY, at=-310),
    "from the future": lambda secret: signature(secret, "POST", "/v1/orders", BODY, at=310),
    "short nonce": lambda secret: signature(secret, "POST", "/v1/orders", BODY, nonce="n" * 15),
    "no form": lambda _: {"fusionxpay-signature": "v1"},
}


@pytest.mark.parametrize("required", [REQUIRED, OPTIONAL])
@pytest.mark.parametrize("kind", WRONGLY_SIGNED)
def test_signature_that_does_not_hold_is_refused(
    kind: str, required: identity_pb2.ApiKey.Signature.ValueType, new_merchant: NewMerchant, gateway: Ready
) -> None:
    merchant = new_merchant(signature=required)
    headers = WRONGLY_SIGNED[kind](merchant.signing_secret) | {"content-type": "application/json"}
    answer = merchant.http.post("/v1/orders", content=BODY, headers=headers)
    assert problem(answer) == (401, "SIGNATURE_INVALID", set())
    assert not any(rows_of(gateway, merchant.tenant_id).values())


def test_unsigned_request_is_refused_only_where_a_signature_is_required(
    new_merchant: NewMerchant, gateway: Ready
) -> None:
    strict = new_merchant(signature=REQUIRED)
    assert problem(strict.http.post("/v1/orders", json=ORDER)) == (401, "SIGNATURE_REQUIRED", set())
    assert not any(rows_of(gateway, strict.tenant_id).values())
    new_merchant(signature=OPTIONAL).new_order()


def test_signature_is_not_looked_at_where_the_key_has_no_secret(merchant: Merchant) -> None:
    assert merchant.http.get("/v1/orders", headers={"fusionxpay-signature": "v1"}).status_code == 200


def test_native_grpc_is_signed_over_its_frame(new_merchant: NewMerchant, gateway: Ready) -> None:
    merchant = new_merchant(signature=REQUIRED)
    request = orders.CreateOrderRequest(merchant_order_id="A", amount=ORDER["amount"])
    message = request.SerializeToString()
    frame = b"\x00" + len(message).to_bytes(4, "big") + message
    signed = signature(merchant.signing_secret, "POST", "/fusionx.order.v1.OrderService/CreateOrder", frame)
    metadata = (*merchant.metadata, *signed.items())
    with grpc.insecure_channel(gateway.edge_grpc) as channel:
        stub = OrderServiceStub(channel)
        assert stub.CreateOrder(request, metadata=metadata, timeout=PATIENCE).order_id
        with pytest.raises(grpc.RpcError) as error:
            stub.CreateOrder(request, metadata=metadata, timeout=PATIENCE)
    assert refusal(error.value).reason == "NONCE_REPLAYED"
