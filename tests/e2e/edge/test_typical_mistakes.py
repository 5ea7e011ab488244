"""Mistakes that everybody makes on the first day. Of each, the error's own sentence is enough to repair the request."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.support.merchant.api import LIVE, Json, Merchant

EUR: Json = {"value": "12.50", "currency": "EUR"}
NOBODY = str(uuid.UUID(int=0))
RETURN = "https://shop.example/thanks"
HOW = "`Authorization: Bearer sk_…`"


@dataclass(frozen=True)
class Mistake:
    """A request that is wrong, and the words of the answer that say how to do it right."""

    name: str
    method: str
    path: str
    words: tuple[str, ...]
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


def _order(name: str, body: Json, *words: str) -> Mistake:
    return Mistake(name, "POST", "/v1/orders", words, body)


def _payment(name: str, body: Json, *words: str) -> Mistake:
    return Mistake(name, "POST", "/v1/payments", words, {"order_id": "ORDER", "return_url": RETURN} | body)


def _endpoint(name: str, body: Json, *words: str) -> Mistake:
    return Mistake(name, "POST", "/v1/webhook_endpoints", words, body)


def _list(name: str, target: str, *words: str) -> Mistake:
    return Mistake(name, "GET", target, words)


def _clock(name: str, body: Json, *words: str) -> Mistake:
    return Mistake(f"clock: {name}", "POST", "/v1/test_clock/advance", words, body)


def _key(name: str, header: str, *words: str) -> Mistake:
    return Mistake(name, "GET", "/v1/orders", words, headers={"authorization": header})


MISTAKES = (
    _order("a bare number", {"amount": 12.5}, 'did you mean {"value": "12.50", "currency": "EUR"}?'),
    _order("cents", {"amount": 1250, "currency": "USD"}, '{"value": "1250.00", "currency": "USD"}', "not in cents"),
    _order("currency beside the amount", {"amount": EUR, "currency": "EUR"}, 'did you mean "amount.currency"?'),
    _order("an amount as text", {"amount": "12.50 EUR"}, '{"value": "12.50", "currency": "EUR"}'),
    _order("a value that is a number", {"amount": {"value": 12.5, "currency": "EUR"}}, 'did you mean "12.50"?'),
    _order("a comma", {"amount": EUR | {"value": "12,50"}}, "amount.value: ", 'did you mean "12.50"?'),
    _order("thousands", {"amount": EUR | {"value": "1,250.00"}}, 'did you mean "1250.00"?'),
    _order("small letters", {"amount": EUR | {"currency": "eur"}}, "amount.currency: ", 'did you mean "EUR"?'),
    _order("a sign", {"amount": EUR | {"currency": "€"}}, 'did you mean "EUR"?'),
    _order("yen with decimals", {"amount": {"value": "1200.00", "currency": "JPY"}}, 'did you mean "1200"?'),
    _order("no amount", {"merchant_order_id": "1"}, "amount: ", "required"),
    _order("misspelt", {"amount": EUR, "descripton": "shoes"}, 'did you mean "description"?'),
    _order("another's word", {"amount": EUR, "reference": "A-1"}, 'did you mean "merchant_order_id"?'),
    _order("camel case of another name", {"amount": EUR, "merchantOrder": "1"}, 'did you mean "merchant_order_id"?'),
    _order("numbers in metadata", {"amount": EUR, "metadata": {"cart": 7}}, 'did you mean {"cart": "7"}?'),
    _order("a day", {"amount": EUR, "expire_time": "2030-01-01"}, 'did you mean "2030-01-01T00:00:00Z"?'),
    _order("seconds", {"amount": EUR, "expire_time": 1893456000}, 'did you mean "2030-01-01T00:00:00Z"?'),
    _order("no zone", {"amount": EUR, "expire_time": "2030-01-01 12:30"}, 'did you mean "2030-01-01T12:30:00Z"?'),
    _order("all at once", {"amount": EUR | {"currency": "eur"}, "refernce": 1}, "refernce: ", 'did you mean "EUR"?'),
    _payment("a capital letter", {"provider": "Stripe"}, 'did you mean "stripe"?'),
    _payment("misspelt provider", {"provider": "strype"}, 'did you mean "stripe"?'),
    _payment("no return_url", {"return_url": ""}, "return_url: is required", "hosted page"),
    _payment("a path", {"return_url": "/thanks"}, "return_url: must be an absolute http or https URL"),
    _payment("success_url", {"success_url": RETURN}, 'did you mean "return_url"?'),
    _payment("one's own order id", {"order_id": "1001"}, "the `order_id` of the answer to POST /v1/orders"),
    _payment("manual capture", {"capture_method": "manuel"}, 'did you mean "MANUAL"?', "AUTOMATIC"),
    _payment("country", {"customer_country": "de"}, 'did you mean "DE"?'),
    _endpoint(
        "order.paid", {"url": "https://8.8.8.8/h", "event_types": ["order.paid"]}, "did you mean order.succeeded?"
    ),
    _endpoint("one type as text", {"url": "https://8.8.8.8/h", "event_types": "order.*"}, 'did you mean ["order.*"]?'),
    _endpoint("events", {"url": "https://8.8.8.8/h", "events": ["order.*"]}, 'did you mean "event_types"?'),
    _list("a status of another's", "/v1/orders?status=paid", 'did you mean "SUCCESS"?'),
    _list(
        "statuses with a comma",
        "/v1/orders?statuses=FAILED,paid",
        'did you mean "FAILED" and "SUCCESS", each a value of its own?',
    ),
    _list("limit", "/v1/orders?limit=10", 'did you mean "page_size"?'),
    _list("too many", "/v1/orders?page_size=1000", "page_size: ", "100"),
    _list(
        "an id that is none",
        f"/v1/orders/{NOBODY}",
        f"no such order: {NOBODY}",
        "in its own mode",
        "sk_live_ keys live data",
    ),
    _list("a path that is none", "/v1/order", "there is nothing at this path", "/v1/orders"),
    _clock("hours", {"by": "25h"}, 'did you mean "90000s"?'),
    _clock("a number", {"by": 90000}, 'did you mean "90000s"?'),
    _clock("a text that is a number", {"by": "90000"}, 'did you mean "90000s"?'),
    _clock("words", {"by": "1 day 1 hour"}, 'did you mean "90000s"?'),
    _clock("ISO 8601", {"by": "P1DT1H"}, 'did you mean "90000s"?'),
    _key("no key", "", "no API key came", HOW),
    _key("no scheme", f"sk_test_{'A' * 43}", "has another form than", HOW),
    _key("a part of a key", "Bearer sk_test_AAAA", "mistyped or not whole", HOW),
    _key("a wrong key", f"Bearer sk_test_{'A' * 43}", "not valid here", "mistyped", "revoked", HOW),
    Mistake("another method", "PUT", "/v1/orders", ("GET, HEAD, POST",), {}),
    Mistake("a form", "POST", "/v1/orders", ("application/json",), headers={"content-type": "text/plain"}),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_error_alone_says_how_to_do_it_right(mistake: Mistake, merchant: Merchant) -> None:
    body = dict(mistake.body) if mistake.body is not None else None
    if body and body.get("order_id") == "ORDER":
        body["order_id"] = merchant.new_order()["order_id"]
    answer = merchant.http.request(mistake.method, mistake.path, json=body, headers=mistake.headers)
    assert answer.status_code in (400, 401, 404, 405, 415), answer.text
    said = answer.json()["message"]
    assert all(word in said for word in mistake.words), said
    assert "UNSPECIFIED" not in answer.text


def test_a_live_key_without_a_provider_hears_that_none_is_on(new_merchant: Callable[..., Merchant]) -> None:
    merchant = new_merchant(mode=LIVE)
    order_id = merchant.new_order()["order_id"]
    for body in ({"provider": "stripe"}, {}):
        payment = {"order_id": order_id, "return_url": RETURN} | body
        said = merchant.http.post("/v1/payments", json=payment).json()["message"]
        assert "no provider for live payments is on" in said
        assert "/v1/provider_accounts/" in said


def test_what_is_not_said_is_left_out_and_grpc_does_not_show(merchant: Merchant) -> None:
    order = merchant.new_order()
    merchant.charge(order["order_id"])
    merchant.post("/v1/webhook_endpoints", {"url": "https://8.8.8.8/h"})
    for path in ("/v1/orders", "/v1/payments", "/v1/webhook_endpoints", f"/v1/orders/{order['order_id']}/timeline"):
        answer = merchant.http.get(path)
        assert answer.status_code == 200
        assert "UNSPECIFIED" not in answer.text
        assert not [name for name in answer.headers if name.startswith("grpc-")]
