"""The page of a payment link: it leads to providers, tells the truth when customers come back, and is paid once."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.customer import Customer
from tests.support.merchant.api import LIVE, Identities, Json, Merchant
from tests.support.providers.sandbox import Provider
from tests.support.stack.edges import Edges

PATH = "/v1/payment_links"
PRICE = {"value": "12.00", "currency": "EUR"}
EVIL = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7*7 }}"
TWICE = 2
Shop = Callable[..., Customer]


def new_link(merchant: Merchant, **fields: Any) -> Json:
    """Create a link."""
    return merchant.post(PATH, {"amount": PRICE, "description": "A green chair"} | fields)


def orders_of(merchant: Merchant, link: Json) -> list[Json]:
    """Return the orders of a link, newest first."""
    orders: list[Json] = merchant.get("/v1/orders", payment_link_id=link["payment_link_id"])["orders"]
    return orders


def captures(provider: Provider, merchant: Merchant, link: Json) -> int:
    """Return how many times money has moved for a link."""
    return sum(len(provider.captures(order["order_id"])) for order in orders_of(merchant, link))


@pytest.fixture
def opened() -> Iterator[Callable[[Json], Customer]]:
    """Opens a link, each time in a browser of its own."""
    customers: list[Customer] = []

    def open_link(link: Json) -> Customer:
        customers.append(Customer(link["url"]))
        return customers[-1]

    yield open_link
    for customer in customers:
        customer.http.close()


def test_link_is_paid_and_says_so(merchant: Merchant, provider: Provider, opened: Shop) -> None:
    link = new_link(merchant, return_url="https://shop.example/thanks?o={ORDER_ID}", merchant_order_id="R-9")
    customer = opened(link)
    page = customer.page()
    for words in ("€12.00 <small>EUR", "A green chair", "Card (Stripe)", "PayPal", "Test: no money moves"):
        assert words in page
    assert customer.state() == "OPEN"
    assert orders_of(merchant, link) == []
    customer.pay(provider)
    (order,) = orders_of(merchant, link)
    assert (order["merchant_order_id"], order["payment_link_id"]) == ("R-9", link["payment_link_id"])
    paid = customer.wait_for("PAID", f"/{order['order_id']}")
    assert f"https://shop.example/thanks?o={order['order_id']}" in paid
    assert 'name="provider"' not in paid
    shown = merchant.get(f"{PATH}/{link['payment_link_id']}")
    assert (shown["status"], shown["uses"], shown["paid_uses"]) == ("USED_UP", 1, 1)
    # whoever opens it now, in whatever browser, is told so
    assert opened(link).state() == "PAID"


def test_paid_link_takes_no_payment_again_by_any_way(merchant: Merchant, provider: Provider, opened: Shop) -> None:
    link = new_link(merchant)
    customer = opened(link)
    before = customer.form_token()
    customer.pay(provider)
    customer.wait_for("PAID")
    for who, token in ((customer, before), (customer.tab(), before), (opened(link), "")):
        answer = who.press(form_token=token or who.form_token())
        assert answer.status_code in (httpx.codes.SEE_OTHER, httpx.codes.FORBIDDEN)
    assert customer.press("paypal", before).status_code == httpx.codes.SEE_OTHER
    assert len(orders_of(merchant, link)) == captures(provider, merchant, link) == 1


@pytest.mark.parametrize("max_uses", [1, 3])
def test_two_tabs_at_once_lead_to_one_page(max_uses: int, merchant: Merchant, opened: Shop) -> None:
    link = new_link(merchant, max_uses=max_uses)
    customer = opened(link)
    token = customer.form_token()
    with ThreadPoolExecutor(4) as tabs:
        answers = list(tabs.map(lambda _: customer.press(form_token=token).text, range(4)))
    assert len({text.partition("url=")[2].partition('"')[0] for text in answers}) == 1
    (order,) = orders_of(merchant, link)
    assert len(merchant.get("/v1/payments", order_id=order["order_id"])["payments"]) == 1


def test_another_choice_closes_the_page_that_was_open(merchant: Merchant, provider: Provider, opened: Shop) -> None:
    link = new_link(merchant)
    customer = opened(link)
    first = customer.choose()
    (order,) = orders_of(merchant, link)
    # coming back says nothing: neither that it was paid, nor that it failed
    assert "Waiting for the confirmation" in customer.page(f"/{order['order_id']}")
    assert "Nothing was paid so far" in customer.page(f"/{order['order_id']}?came=back")
    other = opened(link)
    assert other.choose() == first
    # nobody else closes the page that somebody has just gone to
    refused = other.press("paypal")
    assert (refused.status_code, "on another device" in refused.text) == (409, True)
    second = customer.choose("paypal")
    assert second != first
    provider.pay(first)
    assert captures(provider, merchant, link) == 0
    assert customer.state() == "WAITING"


def test_each_browser_pays_a_link_for_many_once_unless_it_wants_to_again(
    merchant: Merchant, provider: Provider, opened: Shop
) -> None:
    link = new_link(merchant, max_uses=TWICE)
    customer, other = opened(link), opened(link)
    customer.pay(provider)
    customer.wait_for("PAID")
    assert customer.tab().state() == "PAID"
    assert other.state() == "OPEN"
    again = customer.press(path="/again")
    assert again.status_code == httpx.codes.SEE_OTHER
    assert customer.state() == "OPEN"
    customer.choose()
    # the last use is being paid: the other one is not failed, and gets no further
    assert other.state() == "CLOSED"
    assert "This link has been used" in other.page()
    assert merchant.get(f"{PATH}/{link['payment_link_id']}")["uses"] == TWICE


def test_what_failed_can_be_tried_again(merchant: Merchant, provider: Provider, opened: Shop) -> None:
    link = new_link(merchant, max_uses=TWICE)
    customer = opened(link)
    customer.choose()
    (order,) = orders_of(merchant, link)
    merchant.post(f"/v1/payments/{order['payment_id']}/cancel", {})
    assert "did not go through" in customer.wait_for("FAILED")
    assert merchant.get(f"{PATH}/{link['payment_link_id']}")["uses"] == 0
    customer.pay(provider)
    customer.wait_for("PAID")
    assert len(orders_of(merchant, link)) == 1


def test_provider_that_opens_no_page_locks_nobody_out(merchant: Merchant, provider: Provider, opened: Shop) -> None:
    """Nobody was given the page, so nobody can have paid: the customer was told to wait, for up to ten minutes."""
    link = new_link(merchant)
    customer = opened(link)
    customer.choose("paypal")
    (order,) = orders_of(merchant, link)
    merchant.post(f"/v1/payments/{order['payment_id']}/cancel", {})
    customer.wait_for("FAILED")
    where = {"operation": "checkout.sessions.create", "stored": False, "count": 1000}
    fault = provider.fault(order["order_id"], "error_500", **where)
    answer = customer.press()
    assert answer.status_code in (httpx.codes.OK, httpx.codes.SEE_OTHER)
    provider.wait_for_hit(fault)
    page = customer.page()
    assert "did not go through" in page
    assert "do not pay again" not in page
    assert customer.choose("paypal")
    provider.disarm(fault)
    customer.pay(provider)
    customer.wait_for("PAID")
    assert len(orders_of(merchant, link)) == captures(provider, merchant, link) == 1


def test_order_takes_payments_ten_times_and_no_more(merchant: Merchant, provider: Provider, opened: Shop) -> None:
    link = new_link(merchant)
    customer = opened(link)
    token = customer.form_token()
    for turn in range(11):
        last = customer.press(("paypal", "stripe")[turn % 2], token)
    assert last.status_code == httpx.codes.SEE_OTHER
    (order,) = orders_of(merchant, link)
    begun = merchant.get("/v1/payments", order_id=order["order_id"])["payments"]
    assert [one["status"] for one in begun[1:]] == ["CANCELLED"] * 9
    # where the last one leads, it can still be paid
    customer.pay(provider)
    customer.wait_for("PAID")


def test_link_that_is_over_says_why(merchant: Merchant, opened: Shop) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    expiring, off = new_link(merchant, expire_time=soon.isoformat()), new_link(merchant)
    customer = opened(expiring)
    token = customer.form_token()
    assert "Can be paid until" in customer.page()
    merchant.http.patch(f"{PATH}/{off['payment_link_id']}", json={"enabled": False})
    assert "switched off" in opened(off).page()
    assert "has expired" in customer.wait_for("CLOSED")
    assert customer.press(form_token=token).status_code == httpx.codes.SEE_OTHER
    assert orders_of(merchant, expiring) == []


def test_only_providers_that_fit_are_offered(
    merchant: Merchant, opened: Shop, new_merchant: Callable[..., Merchant]
) -> None:
    # PayPal has no such currency
    page = opened(new_link(merchant, amount={"value": "5.000", "currency": "KWD"})).page()
    assert "Card (Stripe)" in page
    assert "PayPal" not in page
    # the stack's accounts are for tests
    live = opened(new_link(new_merchant(merchant.merchant_id, mode=LIVE))).page()
    assert "no way to pay this right now" in live
    assert "Test: no money moves" not in live
    customer = opened(new_link(merchant, amount={"value": "5.000", "currency": "KWD"}))
    assert customer.press("paypal").status_code == httpx.codes.SEE_OTHER
    assert customer.state() == "OPEN"


def test_qr_code_is_a_picture_of_the_address(merchant: Merchant, opened: Shop) -> None:
    customer = opened(new_link(merchant))
    answer = customer.http.get(f"{customer.url}/qr.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.text.count("<path") > 0
    assert "set-cookie" not in answer.headers


def test_what_is_not_there_looks_the_same_whatever_the_reason(
    merchant: Merchant, identities: Identities, opened: Shop, new_merchant: Callable[..., Merchant]
) -> None:
    link, other = new_link(merchant), new_link(merchant)
    customer = opened(link)
    customer.choose()
    (order,) = orders_of(merchant, link)
    gone = new_merchant()
    of_gone = new_link(gone)
    identities.disable(gone.merchant_id)
    base = link["url"][:-28]
    paths = [
        *(base + "a" * 28, base + "A" * 28, base + "a" * 27, base + "%20" * 9, of_gone["url"]),
        *(f"{other['url']}/{order['order_id']}", f"{link['url']}/{order['payment_id']}", f"{link['url']}/nothing"),
        *(base + "a" * 28 + "/qr.svg", of_gone["url"] + "/qr.svg"),
    ]
    answers = [customer.http.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert Customer(of_gone["url"], customer.http).press(form_token="x").status_code in (403, 404)


def test_page_needs_its_own_form_in_its_own_browser(merchant: Merchant, opened: Shop) -> None:
    link = new_link(merchant)
    customer, other = opened(link), opened(link)
    token = customer.form_token()
    data = {"form_token": token, "provider": "stripe"}
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert customer.http.post(link["url"], data=data, headers=headers).status_code == 403
    for wrong in ("x", other.form_token()):
        assert customer.press(form_token=wrong).status_code == 403
    with httpx.Client() as without_cookie:
        for cookie in ("", "fusionxpay_pay=x", "fusionxpay_pay=\xe9", f"fusionxpay_pay={'a' * 28}"):
            said = [(b"origin", customer.origin.encode()), (b"cookie", cookie.encode("latin-1"))]
            assert without_cookie.post(link["url"], data=data, headers=said).status_code == 403
    assert customer.http.post(f"{link['url']}/again", data={"form_token": "x"}).status_code == 403
    assert orders_of(merchant, link) == []


def test_who_makes_up_cookie_and_form_takes_no_use(merchant: Merchant, opened: Shop) -> None:
    """The form's token was made of the cookie alone, so that whoever knew how had no need to open the link."""
    link = new_link(merchant, max_uses=3)
    cookie = "a" * 28
    made_up = hmac.digest(cookie.encode(), b"form", "sha256")
    other = opened(new_link(merchant))
    of_another_link = other.form_token()
    kept = other.http.cookies.get("fusionxpay_pay") or ""
    for browser, token in ((cookie, base64.urlsafe_b64encode(made_up).decode().rstrip("=")), (kept, of_another_link)):
        with httpx.Client(headers={"origin": other.origin, "cookie": f"fusionxpay_pay={browser}"}) as http:
            answer = http.post(link["url"], data={"form_token": token, "provider": "stripe"})
        assert answer.status_code == httpx.codes.FORBIDDEN
    assert orders_of(merchant, link) == []


def test_one_network_without_paying_leaves_uses_to_others(merchant: Merchant, opened: Shop) -> None:
    link = new_link(merchant, max_uses=4)
    for _ in range(2):
        opened(link).choose()
    refused = opened(link).press()
    assert (refused.status_code, "in your network" in refused.text) == (409, True)
    shown = merchant.get(f"{PATH}/{link['payment_link_id']}")
    assert (shown["status"], shown["uses"]) == ("ACTIVE", 2)


def test_every_answer_keeps_other_sites_out(merchant: Merchant, opened: Shop) -> None:
    link = new_link(merchant)
    customer = opened(link)
    for answer in (
        customer.http.get(link["url"]),
        customer.press(),
        customer.http.get(f"{link['url']}/x"),
        customer.http.get(f"{link['url']}/qr.svg"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (answer.headers["x-frame-options"], answer.headers["cache-control"]) == ("DENY", "no-store")
        assert answer.headers["x-robots-tag"] == "noindex"
    cookie = customer.http.get(link["url"]).headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", f"Path=/pay/{link['url'][-28:]}"):
        assert part in cookie


def test_what_a_merchant_wrote_is_shown_as_text(merchant: Merchant, opened: Shop) -> None:
    link = new_link(merchant, description=EVIL, merchant_order_id=EVIL[:100], metadata={"note": "not for customers"})
    customer = opened(link)
    for page in (customer.page(), customer.press().text, customer.page()):
        for markup in ("<img src=x", "<script>alert"):
            assert markup not in page
        assert "not for customers" not in page
    assert "{{ 7*7 }}" in customer.page()


def test_who_guesses_is_limited_by_address(edges: Edges) -> None:
    url = edges.envoy(link_requests_per_second=1, console="127.0.0.1:9")
    with httpx.Client(base_url=url) as http:
        statuses = [http.get(f"/pay/{'a' * 28}").status_code for _ in range(40)]
        assert statuses.count(429) > 20
        # the console has a bucket of its own
        assert http.get("/console/").status_code != 429
