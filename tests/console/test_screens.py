"""What people see and do, at the gateway as it is."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import httpx
import psycopg

from stack.stack import Ready
from tests.support.console import Browser, Console, shown_secret
from tests.support.customer import Customer
from tests.support.merchant.api import Merchant
from tests.support.merchant.receiver import serving
from tests.support.waiting import eventually


def attempt_of(page: str) -> str:
    """Return what makes a form's repetition the same."""
    found = re.search(r'name="attempt" value="(\w+)"', page)
    assert found
    return found.group(1)


def test_a_payment_is_refunded_once(owner: Browser, merchant: Merchant) -> None:
    payment_id = merchant.charge(merchant.new_order("20.00", description="Green tea")["order_id"])["payment_id"]
    page = owner.page(f"/payments/{payment_id}")
    assert "€20.00 EUR" in page
    assert "Green tea" in page
    form = {"amount": "5.00", "currency": "EUR", "reason": "half empty", "attempt": attempt_of(page)}
    for _ in range(2):
        assert owner.post(f"/payments/{payment_id}/refunds", **form).status_code == httpx.codes.SEE_OTHER
    eventually(lambda: "Refunded" in owner.page(f"/payments/{payment_id}"), "the refund")
    assert [one["amount"]["value"] for one in merchant.get(f"/v1/payments/{payment_id}/refunds")["refunds"]] == ["5.00"]
    assert "half empty" in owner.page(f"/payments/{payment_id}")


def test_what_the_gateway_refuses_is_said_with_what_was_typed(owner: Browser, merchant: Merchant) -> None:
    payment_id = merchant.charge(merchant.new_order("20.00")["order_id"])["payment_id"]
    for amount in ("20.01", "one"):
        answer = owner.post(f"/payments/{payment_id}/refunds", amount=amount, currency="EUR", attempt=amount)
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert f"Not done for {amount} EUR" in answer.text
    assert merchant.payment(payment_id).get("refunded_amount") is None


def test_an_authorization_is_captured_or_voided(owner: Browser, merchant: Merchant) -> None:
    taken, voided = (
        merchant.charge(merchant.new_order("30.00")["order_id"], capture_method="MANUAL")["payment_id"]
        for _ in range(2)
    )
    owner.post(f"/payments/{taken}/capture", amount="10.00", currency="EUR")
    assert merchant.payment(taken)["captured_amount"]["value"] == "10.00"
    owner.post(f"/payments/{voided}/cancel")
    assert merchant.payment(voided)["status"] == "CANCELLED"


def test_a_search_finds_by_number_and_by_any_id(owner: Browser, merchant: Merchant) -> None:
    order = merchant.new_order(merchant_order_id="S-77")
    payment = merchant.charge(order["order_id"])
    refund = merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {})
    shown = f"/console/payments/{payment['payment_id']}"
    assert owner.get("/search?q=S-77").headers["location"] == f"/console/orders/{order['order_id']}"
    assert owner.get(f"/search?q={payment['payment_id']}").headers["location"] == shown
    assert owner.get(f"/search?q={refund['refund_id']}").headers["location"] == shown
    assert owner.get(f"/search?q={payment['provider_reference']}").headers["location"] == shown
    assert owner.get("/search?q=nothing-like-it").status_code == httpx.codes.NOT_FOUND


def test_lists_go_on_and_are_filtered(owner: Browser, merchant: Merchant) -> None:
    for number in range(27):
        merchant.new_order(merchant_order_id=f"N-{number:02}")
    first = owner.page("/orders")
    assert "N-26" in first
    assert "N-00" not in first
    found = re.search(r'href="(/console/orders\?page=[^"]+)"', first)
    assert found
    assert "N-00" in owner.page(found.group(1).removeprefix("/console").replace("&amp;", "&"))
    assert "N-26" in owner.page("/orders?status=NEW")
    assert "N-26" not in owner.page("/orders?status=SUCCESS")


def test_an_endpoint_from_its_secret_to_its_end(owner: Browser, merchant: Merchant) -> None:
    with serving() as receiver:
        secret = shown_secret(
            owner.post("/webhooks", url=receiver.url, event_types="order.created", description="Mine")
        )
        assert secret.startswith("whsec_")
        assert secret not in owner.page("/webhooks")
        receiver.secret = secret
        merchant.new_order()
        eventually(receiver.events, "the webhook")
        event_id = merchant.get("/v1/events", type="order.created")["events"][0]["event_id"]
        eventually(lambda: "Delivered" in owner.page(f"/events/{event_id}"), "the delivery")
        owner.post(f"/events/{event_id}/resend")
        eventually(lambda: len(receiver.events()) > 1, "the repetition")
        (endpoint,) = merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]
        path = f"/webhooks/{endpoint['webhook_endpoint_id']}"
        assert shown_secret(owner.post(path, verb="rotate")) != secret
        owner.post(path, verb="disable")
        assert "Disabled" in owner.page("/webhooks")
        owner.post(path, verb="delete")
    assert merchant.get("/v1/webhook_endpoints").get("webhook_endpoints", []) == []


def test_what_no_endpoint_took_is_counted_and_listed(owner: Browser, merchant: Merchant, gateway: Ready) -> None:
    assert re.search(r"Failed deliveries</div><div class=\"value\">0<", owner.page("/"))
    with serving() as receiver:
        merchant.listen(receiver)
        merchant.new_order()
        eventually(lambda: receiver.url in owner.page("/deliveries?status=DELIVERED"), "the delivery")
        assert receiver.url in owner.page("/deliveries")
    assert "Nothing fits these filters" in owner.page("/deliveries?status=FAILED")
    (sent,) = merchant.get("/v1/deliveries")["deliveries"]
    # every attempt of three days has failed
    with psycopg.connect(gateway.database_urls["notify"], autocommit=True) as database:
        database.execute("UPDATE deliveries SET status = 'FAILED' WHERE delivery_id = %s", [sent["delivery_id"]])
    overview = owner.page("/")
    assert re.search(r"Failed deliveries</div><div class=\"value\">1<", overview)
    found = re.search(r'href="/console(/deliveries\?status=FAILED[^"]+)"', overview)
    assert found
    assert f"/events/{sent['event_id']}" in owner.page(html.unescape(found.group(1)))
    assert owner.get("/export/deliveries?status=FAILED").text.count(sent["event_id"]) == 1


def test_a_bad_address_is_said_beside_its_field(owner: Browser) -> None:
    answer = owner.post("/webhooks", url="ftp://shop.example")
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "<code>url</code>" in answer.text


def test_events_are_shown_as_they_happen(owner: Browser, merchant: Merchant) -> None:
    with owner.http.stream("GET", f"{owner.root}/live/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == ": open"
        order_id = merchant.new_order()["order_id"]
        for line in lines:
            if line.startswith("data: ") and "order.created" in line:
                break
    assert order_id


def test_a_key_is_made_shown_once_and_revoked(owner: Browser, merchant: Merchant) -> None:
    secret = shown_secret(owner.post("/keys", scopes="orders:read"))
    headers = {"authorization": f"Bearer {secret}"}
    url = f"{owner.origin}/v1/orders"
    assert httpx.get(url, headers=headers).status_code == httpx.codes.OK
    page = owner.page("/keys")
    assert secret not in page
    for key_id in re.findall(r"/keys/([\w-]{36})", page):
        if key_id != merchant.api_key_id:
            owner.post(f"/keys/{key_id}", verb="revoke")
    eventually(lambda: httpx.get(url, headers=headers).status_code == httpx.codes.UNAUTHORIZED, "the end of the key")
    # the session's own key is no key of the merchant's: the page goes on
    owner.page("/orders")


def test_what_a_key_may_do_is_changed(console: Console, owner: Browser, merchant: Merchant) -> None:
    secret = shown_secret(owner.post("/keys", scopes="orders:read", allowed_ips="127.0.0.0/8"))
    (key_id,) = set(re.findall(r"/keys/([\w-]{36})", owner.page("/keys"))) - {merchant.api_key_id}

    def tried(path: str) -> int:
        return httpx.get(f"{owner.origin}{path}", headers={"authorization": f"Bearer {secret}"}).status_code

    developer = console.logged_in(*console.new_person(owner, "developer"))
    assert 'value="127.0.0.0/8"' in developer.page(f"/keys/{key_id}")
    form = {"verb": "change", "scopes": "payments:read", "allowed_ips": "203.0.113.7, 2001:db8::/32"}
    assert developer.post(f"/keys/{key_id}", **form).is_redirect
    assert 'value="203.0.113.7/32, 2001:db8::/32"' in developer.page(f"/keys/{key_id}")
    eventually(lambda: tried("/v1/payments") == httpx.codes.FORBIDDEN, "the networks")
    developer.post(f"/keys/{key_id}", verb="change", scopes="payments:read", allowed_ips="")
    eventually(lambda: tried("/v1/payments") == httpx.codes.OK, "any network")
    assert tried("/v1/orders") == httpx.codes.FORBIDDEN
    for wrong, status in (
        ({"scopes": "payments:read", "allowed_ips": "here"}, 400),
        ({"scopes": "", "allowed_ips": ""}, 400),
        ({"scopes": "refunds:write"}, 403),
        ({"scopes": "*"}, 403),
    ):
        answer = developer.post(f"/keys/{key_id}", verb="change", **wrong)
        assert answer.status_code == status, wrong
        assert "Not changed" in answer.text
    # one that may do more than the role is an owner's to change
    assert "an owner can change it" in developer.page(f"/keys/{merchant.api_key_id}")
    answer = developer.post(f"/keys/{merchant.api_key_id}", verb="change", scopes="orders:read")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert owner.post(f"/keys/{key_id}", verb="change", scopes="*", allowed_ips="").is_redirect
    eventually(lambda: tried("/v1/orders") == httpx.codes.OK, "everything")


def test_key_is_given_nothing_that_nobody_has_said(owner: Browser, merchant: Merchant) -> None:
    owner.post("/keys", scopes="orders:read", allowed_ips="203.0.113.7")
    (key_id,) = set(re.findall(r"/keys/([\w-]{36})", owner.page("/keys"))) - {merchant.api_key_id}
    opened = owner.page(f"/keys/{key_id}")
    for wrong in ({}, {"verb": "save"}, {"verb": "change"}, {"verb": "change", "allowed_ips": ""}):
        assert owner.post(f"/keys/{key_id}", **wrong).status_code == httpx.codes.BAD_REQUEST, wrong
        assert 'value="203.0.113.7/32"' in owner.page(f"/keys/{key_id}")
    # networks that a form does not name stay
    assert owner.post(f"/keys/{key_id}", verb="change", scopes="payments:read").is_redirect
    changed = owner.page(f"/keys/{key_id}")
    assert 'value="203.0.113.7/32"' in changed
    # a page that was open all the while does not give back what was taken
    seen = html.unescape(re.findall('name="seen" value="([^"]*)"', opened)[0])
    form = {"verb": "change", "scopes": "orders:read", "allowed_ips": "203.0.113.7/32"}
    answer = owner.post(f"/keys/{key_id}", **form, seen=seen)
    assert answer.status_code == httpx.codes.CONFLICT
    assert "Somebody has changed the key meanwhile" in answer.text
    seen = html.unescape(re.findall('name="seen" value="([^"]*)"', answer.text)[0])
    assert owner.post(f"/keys/{key_id}", **form, seen=seen).is_redirect


def test_what_people_read_is_in_their_words(console: Console, owner: Browser, merchant: Merchant) -> None:
    order = merchant.new_order("12.00")
    payment = merchant.charge(order["order_id"])
    shown = owner.page(f"/payments/{payment['payment_id']}")
    assert "<dd>Stripe</dd>" in shown
    eventually(lambda: "Stripe said " in owner.page(f"/orders/{order['order_id']}"), "the provider's webhook")
    assert "fusionx." not in owner.page(f"/orders/{order['order_id']}")
    missing = owner.get("/payments/00000000-0000-7000-8000-000000000000").text
    assert "in your test data" in missing
    assert "sk_test_" not in missing
    operator = console.operator
    assert "Bank transfer" in operator.page("/platform/circuits")
    assert "bank_transfer" not in operator.page("/platform")


def test_operators_see_the_platform(console: Console, gateway: Ready) -> None:
    operator = console.operator
    assert operator.get("/").headers["location"] == "/console/platform"
    for path in ("/platform", "/platform/reviews", "/platform/reviews?resolved=yes", "/platform/dead_letters"):
        operator.page(path)
    assert "Merchants" in operator.page("/platform/merchants")
    for days in ("1", "0", "9" * 4400):
        compared = operator.page(f"/platform/reconciliation?provider=stripe&days={days}")
        assert "Stripe lists" in compared
        assert "Compared until" in compared
        assert "Stripe last " in compared
    missing = operator.get("/platform/reviews/00000000-0000-7000-8000-000000000000")
    assert missing.status_code == httpx.codes.NOT_FOUND


def test_a_payment_link_from_its_making_to_its_end(owner: Browser, merchant: Merchant) -> None:
    form = {
        "amount": "12.00",
        "currency": "eur",
        "description": "A green chair",
        "max_uses": "2",
        "merchant_order_id": "R-1",
    }
    attempt = attempt_of(owner.page("/payment_links"))
    places = {owner.post("/payment_links", **form, attempt=attempt).headers["location"] for _ in range(2)}
    (place,) = places
    (link,) = merchant.get("/v1/payment_links")["payment_links"]
    assert (link["max_uses"], link["merchant_order_id"], link["amount"]["currency"]) == (2, "R-1", "EUR")
    path = place.removeprefix("/console").partition("?")[0]
    page = owner.page(path)
    for words in (link["url"], f'src="/pay/{link["url"][-28:]}/qr.svg"', "Nobody has begun to pay", "0 of 2"):
        assert words in page
    assert f'data-copy="{link["url"]}"' in owner.page("/payment_links")
    assert link["url"] in owner.get("/export/payment_links").text
    customer = Customer(link["url"])
    customer.choose()
    customer.http.close()
    (order,) = merchant.get("/v1/orders", payment_link_id=link["payment_link_id"])["orders"]
    assert f"/console/orders/{order['order_id']}" in owner.page(path)
    assert path in owner.page(f"/orders/{order['order_id']}")
    assert owner.get(f"/search?q={link['payment_link_id']}").headers["location"] == f"/console{path}"
    for verb, word in (("disable", "Disabled"), ("enable", "Active")):
        owner.post(path, verb=verb)
        assert word in owner.page(path)
    assert owner.post(path, verb="burn").status_code == httpx.codes.BAD_REQUEST


def test_what_is_wrong_with_a_link_is_said_beside_its_field(owner: Browser, merchant: Merchant) -> None:
    good = {"amount": "12.00", "currency": "EUR"}
    for field, typed, name in (
        ("amount", "12,00", "amount"),
        ("currency", "EURO", "currency"),
        ("description", "4242 4242 4242 4242", "description"),
        ("max_uses", "many", "max_uses"),
        ("max_uses", "10001", "max_uses"),
        ("return_url", "javascript:1", "return_url"),
    ):
        answer = owner.post("/payment_links", **good | {field: typed})
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert f'id="l-{name}-wrong"' in answer.text
        assert f'value="{typed}"' in answer.text
    for day in ("tomorrow", "2020-01-01", "2099-01-01"):
        assert "Last day:" in owner.post("/payment_links", **good, expires=day).text
    assert merchant.get("/v1/payment_links")["payment_links"] == []


def test_what_was_said_to_the_provider_is_on_the_payments_page(
    owner: Browser, merchant: Merchant, console: Console, new_merchant: Callable[[], Merchant]
) -> None:
    payment_id = merchant.charge(merchant.new_order("21.00")["order_id"])["payment_id"]
    shown = f"/payments/{payment_id}/provider"
    assert f'data-fill="/console{shown}#said"' in owner.page(f"/payments/{payment_id}")
    eventually(lambda: "POST /v1/payment_intents" in owner.page(shown), "the call, which is written down soon")
    page = html.unescape(owner.page(shown))
    assert '"amount": "2100"' in page
    assert re.search(r">req_\w+<", page)
    assert console.owner(new_merchant().merchant_id).get(shown).status_code == httpx.codes.NOT_FOUND
