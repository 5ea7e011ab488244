"""Payment links by REST: what they hold, what is refused, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from fusionx.order.v1 import link_checkout_service_pb2 as links_pb2
from fusionx.order.v1.link_checkout_service_pb2_grpc import LinkCheckoutServiceStub
from fusionx.payment.v1 import checkout_service_pb2 as checkouts_pb2
from fusionx.payment.v1.checkout_service_pb2_grpc import CheckoutServiceStub

from stack.stack import Ready
from tests.support.merchant.api import LIVE, Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.stack.mesh import dial_service

PATH = "/v1/payment_links"
PRICE = {"value": "12.00", "currency": "EUR"}
CARD = "4242 4242 4242 4242"


def new_link(merchant: Merchant, **fields: object) -> Json:
    """Create a link."""
    return merchant.post(PATH, {"amount": PRICE} | fields)


def test_link_says_what_it_was_made_of(merchant: Merchant, gateway: Ready) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    link = new_link(
        merchant,
        description="Two chairs",
        merchant_order_id="R-7",
        metadata={"shop": "a"},
        return_url="https://shop.example/thanks?o={ORDER_ID}",
        max_uses=5,
        expire_time=end.isoformat(),
    )
    assert re.fullmatch(re.escape(gateway.edge_url) + "/pay/[a-z]{28}", link["url"])
    assert datetime.fromisoformat(link["expire_time"]) == end
    assert {name: link[name] for name in ("amount", "status", "description", "metadata", "max_uses", "uses")} == {
        "amount": PRICE,
        "status": "ACTIVE",
        "description": "Two chairs",
        "metadata": {"shop": "a"},
        "max_uses": 5,
        "uses": 0,
    }
    assert merchant.get(f"{PATH}/{link['payment_link_id']}") == link
    plain = new_link(merchant)
    assert (plain["max_uses"], plain.get("expire_time"), plain["return_url"]) == (1, None, "")
    assert plain["url"] != link["url"]


def test_creation_is_idempotent(merchant: Merchant) -> None:
    body = {"amount": PRICE, "description": "once"}
    first, again = (merchant.http.post(PATH, json=body, headers={"idempotency-key": "link-1"}) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = merchant.http.post(PATH, json=body | {"max_uses": 2}, headers={"idempotency-key": "link-1"})
    assert problem(other)[1] == "IDEMPOTENCY_KEY_REUSED"
    assert len(merchant.get(PATH)["payment_links"]) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": {"value": "0.00", "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "1.001", "currency": "EUR"}}, "amount.value"),
        ({"description": "x" * 501}, "description"),
        ({"description": f"pay {CARD}"}, "description"),
        ({"metadata": {"card": CARD}}, "metadata[card]"),
        ({"merchant_order_id": CARD}, "merchant_order_id"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": "https://user:secret@shop.example/"}, "return_url"),
        ({"return_url": "https://shop.example/{TOKEN}"}, "return_url"),
        ({"max_uses": 10_001}, "max_uses"),
        ({"max_uses": -1}, "max_uses"),
        ({"expire_time": "2020-01-01T00:00:00Z"}, "expire_time"),
        ({"expire_time": "2099-01-01T00:00:00Z"}, "expire_time"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(wrong: Json, field: str, merchant: Merchant) -> None:
    status, _, fields = problem(merchant.http.post(PATH, json={"amount": PRICE} | wrong))
    assert (status, fields) == (400, {field})
    assert merchant.get(PATH)["payment_links"] == []


def test_changes_are_of_what_is_given(merchant: Merchant) -> None:
    link = new_link(merchant, description="before", max_uses=2)
    path = f"{PATH}/{link['payment_link_id']}"
    off = merchant.http.patch(path, json={"enabled": False}).json()
    assert (off["status"], off["description"]) == ("DISABLED", "before")
    on = merchant.http.patch(path, json={"enabled": True, "description": "after", "max_uses": 3}).json()
    assert (on["status"], on["description"], on["max_uses"], on["url"]) == ("ACTIVE", "after", 3, link["url"])
    assert problem(merchant.http.patch(path, json={"max_uses": 1}))[2] == {"max_uses"}
    over = merchant.http.patch(path, json={"expire_time": "2020-01-01T00:00:00Z"}).json()
    assert over["status"] == "EXPIRED"
    assert problem(merchant.http.patch(path, json={"amount": PRICE}))[0] == 400
    assert problem(merchant.http.patch(path, json={"description": CARD}))[1] == "CARD_NUMBER_REFUSED"


def test_end_is_taken_away_by_a_mask_that_names_it(merchant: Merchant) -> None:
    end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    link = new_link(merchant, description="before", expire_time=end, max_uses=2)
    path = f"{PATH}/{link['payment_link_id']}"
    assert merchant.http.patch(path, json={"max_uses": 3}).json()["expire_time"] == link["expire_time"]
    for mask in ("expire_time", "expireTime"):
        merchant.http.patch(path, json={"expire_time": end}).raise_for_status()
        endless = merchant.http.patch(path, json={"update_mask": mask}).json()
        assert (endless.get("expire_time"), endless["max_uses"], endless["description"]) == (None, 3, "before")
    assert merchant.get(path) == endless
    # AIP-134: what the mask does not name stays, whatever is given of it
    cleared = merchant.http.patch(path, json={"max_uses": 4, "enabled": False, "update_mask": "description,max_uses"})
    assert [cleared.json()[name] for name in ("description", "max_uses", "status")] == ["", 4, "ACTIVE"]


@pytest.mark.parametrize("mask", ["enabled", "max_uses", "amount", "payment_link_id", "*", ["expire_time"], 5])
def test_mask_that_takes_away_what_a_link_needs_is_refused(mask: object, merchant: Merchant) -> None:
    link = new_link(merchant, max_uses=2)
    refused = merchant.http.patch(f"{PATH}/{link['payment_link_id']}", json={"update_mask": mask})
    assert problem(refused) == (400, "INVALID_ARGUMENT", {"update_mask"})
    assert merchant.get(f"{PATH}/{link['payment_link_id']}") == link


def test_links_are_listed_newest_first_and_by_reference(merchant: Merchant) -> None:
    made = [new_link(merchant, merchant_order_id=name)["payment_link_id"] for name in ("a", "b", "a")]
    page = merchant.get(PATH, page_size=2)
    rest = merchant.get(PATH, page_size=2, page_token=page["next_page_token"])
    assert [one["payment_link_id"] for one in page["payment_links"] + rest["payment_links"]] == made[::-1]
    found = merchant.get(PATH, merchant_order_id="a")["payment_links"]
    assert [one["payment_link_id"] for one in found] == [made[2], made[0]]


def test_link_is_its_merchants_in_its_mode_alone(merchant: Merchant, new_merchant: Callable[..., Merchant]) -> None:
    path = f"{PATH}/{new_link(merchant)['payment_link_id']}"
    for stranger in (new_merchant(), new_merchant(merchant.merchant_id, mode=LIVE)):
        assert problem(stranger.http.get(path))[:2] == (404, "PAYMENT_LINK_NOT_FOUND")
        assert problem(stranger.http.patch(path, json={"enabled": False}))[:2] == (404, "PAYMENT_LINK_NOT_FOUND")
        assert stranger.get(PATH)["payment_links"] == []


def test_scopes(merchant: Merchant, new_merchant: Callable[..., Merchant]) -> None:
    reader = new_merchant(merchant.merchant_id, scopes=["links:read"])
    path = f"{PATH}/{new_link(merchant)['payment_link_id']}"
    assert reader.get(path)["status"] == "ACTIVE"
    assert problem(reader.http.post(PATH, json={"amount": PRICE}))[1] == "SCOPE_MISSING"
    assert problem(reader.http.patch(path, json={"enabled": False}))[1] == "SCOPE_MISSING"
    other = new_merchant(merchant.merchant_id, scopes=["orders:read", "orders:write"])
    assert problem(other.http.get(path))[1] == "SCOPE_MISSING"


def test_only_the_page_may_ask_for_checkouts(gateway: Ready) -> None:
    """Not even an operator, and the page asks for no orders by itself."""
    token = "a" * 28
    with dial_service(gateway, "payment_svc") as payments, dial_service(gateway, "order_svc") as orders:
        calls = (
            lambda: CheckoutServiceStub(payments).GetCheckout(checkouts_pb2.GetCheckoutRequest(token=token)),
            lambda: LinkCheckoutServiceStub(orders).GetLinkCheckout(links_pb2.GetLinkCheckoutRequest(token=token)),
        )
        for call in calls:
            with pytest.raises(grpc.RpcError) as refused:
                call()
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
