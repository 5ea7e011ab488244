"""Case 1: a card number in whatever form and wherever: it is refused, never repeated, and nothing is stored."""

from __future__ import annotations

import pytest

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.stack.audit import rows_of_request
from tests.support.stack.storage import rows_of

CARD = "4000056655665556"
EUR = {"value": "1.00", "currency": "EUR"}
REFUSED = "CARD_NUMBER_REFUSED"


@pytest.mark.parametrize(
    "text",
    [
        f"{CARD} 12/27",
        f"{CARD} 123",
        f"card{CARD}",
        "\u200b".join(CARD),
        CARD.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
        CARD.translate({ord("0") + digit: 0x660 + digit for digit in range(10)}),
        "4000.0566.5566.5556",
        "4000/0566/5566/5556",
        "4000, 0566, 5566, 5556",
    ],
)
@pytest.mark.parametrize("field", ["description", "merchant_order_id", "metadata"])
def test_card_number_in_a_field_is_refused(gateway: Ready, merchant: Merchant, text: str, field: str) -> None:
    body: Json = {"amount": EUR, field: {"note": text} if field == "metadata" else text}
    before = rows_of(gateway, merchant.merchant_id)
    answer = merchant.http.post("/v1/orders", json=body)
    assert problem(answer) == (400, REFUSED, {"metadata[note]" if field == "metadata" else field})
    assert CARD not in answer.text
    assert rows_of(gateway, merchant.merchant_id) == before


def test_card_number_as_idempotency_key_is_refused_and_not_in_the_audit(gateway: Ready, merchant: Merchant) -> None:
    order = merchant.new_order()
    body = {"order_id": order["order_id"], "provider": "stripe", "payment_method": "pm_card_visa"}
    for path, request in (("/v1/orders", {"amount": EUR}), ("/v1/payments", body)):
        answer = merchant.http.post(path, json=request, headers={"idempotency-key": f"key-{CARD}"})
        assert problem(answer) == (400, REFUSED, {"Idempotency-Key"})
        [row] = rows_of_request(gateway, answer.headers["x-request-id"])
        assert CARD not in str(row)


def test_name_of_an_unknown_field_is_not_repeated_when_it_holds_a_card_number(merchant: Merchant) -> None:
    for answer in (
        merchant.http.post("/v1/orders", json={"amount": EUR, f"card {CARD}": "x"}),
        merchant.http.post("/v1/orders", json={"amount": EUR | {CARD: "x"}}),
        merchant.http.get("/v1/orders", params={f"c{CARD}": "x"}),
    ):
        status, _, [field] = problem(answer)
        assert status == 400
        assert "[redacted]" in field
        assert CARD not in answer.text


def test_long_name_of_an_unknown_field_is_cut(merchant: Merchant) -> None:
    answer = merchant.http.post("/v1/orders", json={"amount": EUR, "x" * 50_000: "x"})
    assert answer.status_code == 400
    assert len(answer.content) < 2000


@pytest.mark.parametrize(
    "text",
    ["4006381333931", "+49 1573 1234567", "DE89 3704 0044 0532 0130 00", "302-3273249-0497893", "1Z999AA10123456784"],
)
def test_honest_numbers_are_taken(merchant: Merchant, text: str) -> None:
    assert merchant.new_order(merchant_order_id=text, description=text, metadata={"n": text})["description"] == text
