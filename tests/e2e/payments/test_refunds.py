"""Money that goes back: in parts, never more than was captured, and counted as the sum of refunds."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import psycopg

from payment_svc.use_cases.taken_back.losses import ELSEWHERE
from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver
from tests.support.merchant.reviews import refreshed
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually


def paid(merchant: Merchant, value: str = "10.00", token: str = "pm_card_visa") -> Json:
    """Return a captured payment whose order is SUCCESS."""
    payment = merchant.charge(merchant.new_order(value)["order_id"], token)
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    return payment


def refund(merchant: Merchant, payment: Json, value: str = "", *, key: str = "") -> httpx.Response:
    """Ask for a part, or for the rest."""
    headers = {"idempotency-key": key} if key else {}
    body = {"amount": {"value": value, "currency": "EUR"}} if value else {}
    return merchant.http.post(f"/v1/payments/{payment['payment_id']}/refunds", json=body, headers=headers)


def test_partial_refunds_add_up_until_all_is_given_back(
    merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    payment = paid(merchant)
    first = refund(merchant, payment, "2.50").json()
    assert (first["status"], first["order_id"]) == ("SUCCESS", payment["order_id"])
    merchant.wait_for_order(payment["order_id"], "PARTIALLY_REFUNDED")
    assert merchant.payment(payment["payment_id"])["refunded_amount"] == {"value": "2.50", "currency": "EUR"}

    more = refund(merchant, payment, "1.50").json()
    eventually(
        lambda: merchant.get(f"/v1/orders/{payment['order_id']}")["refunded_amount"]["value"] == "4.00",
        "the order to know of the second part",
    )
    rest = refund(merchant, payment).json()
    assert rest["amount"] == {"value": "6.00", "currency": "EUR"}
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    assert merchant.payment(payment["payment_id"])["status"] == "SUCCESS"
    assert sorted(provider.refunds(payment["order_id"])) == [150, 250, 600]
    listed = merchant.get(f"/v1/payments/{payment['payment_id']}/refunds")["refunds"]
    assert [one["refund_id"] for one in listed] == [one["refund_id"] for one in (rest, more, first)]
    assert merchant.get(f"/v1/refunds/{first['refund_id']}") == first
    eventually(
        lambda: (
            [kind for _, kind in receiver.histories()[payment["order_id"]]][-3:]
            == ["order.partially_refunded", "order.partially_refunded", "order.refunded"]
        ),
        "all refunds heard by the merchant",
    )


def test_refund_twice_under_one_key_returns_the_same_refund(merchant: Merchant, provider: Provider) -> None:
    payment = paid(merchant)
    answers = [refund(merchant, payment, "4.00", key="refund-1") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert provider.refunds(payment["order_id"]) == [400]
    assert problem(refund(merchant, payment, "5.00", key="refund-1"))[:2] == (409, "IDEMPOTENCY_KEY_REUSED")


def test_fifty_refunds_at_once_never_exceed_the_capture(merchant: Merchant, provider: Provider) -> None:
    payment = paid(merchant)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: refund(merchant, payment, "0.70"), range(50)))
    taken = [answer.json() for answer in answers if answer.status_code == 200]
    assert sum(Decimal(one["amount"]["value"]) for one in taken) == Decimal("9.80")
    refused = [problem(answer)[:2] for answer in answers if answer.status_code != 200]
    assert set(refused) == {(400, "AMOUNT_TOO_LARGE")}
    assert sum(provider.refunds(payment["order_id"])) == 980
    assert merchant.payment(payment["payment_id"])["refunded_amount"]["value"] == "9.80"


def test_refund_that_fails_late_lowers_the_sum_again(merchant: Merchant, receiver: Receiver) -> None:
    payment = paid(merchant, token="pm_card_refundFail")
    refund_id = refund(merchant, payment).json()["refund_id"]
    eventually(lambda: merchant.get(f"/v1/refunds/{refund_id}")["status"] == "FAILED", "the late failure")
    merchant.wait_for_order(payment["order_id"], "SUCCESS")

    def heard() -> list[str]:
        return [kind for _, kind in receiver.histories()[payment["order_id"]]]

    eventually(lambda: heard()[-1] == "order.refund_failed", "word of it")
    assert heard().count("order.succeeded") == 1, "whoever sends the goods at it would send them twice"
    assert "refunded_amount" not in merchant.payment(payment["payment_id"])
    assert refund(merchant, payment, "1.00").status_code == 200


def test_refund_whose_answer_is_lost_is_made_once(merchant: Merchant, provider: Provider) -> None:
    payment = paid(merchant)
    provider.fault(payment["order_id"], "timeout_after", operation="refunds.create", seconds=30, count=2)
    asked = refund(merchant, payment, "3.00").json()
    eventually(lambda: merchant.get(f"/v1/refunds/{asked['refund_id']}")["status"] == "SUCCESS", "the refund")
    merchant.wait_for_order(payment["order_id"], "PARTIALLY_REFUNDED")
    assert provider.refunds(payment["order_id"]) == [300]


def test_above_what_is_left_is_refused_and_changes_nothing(merchant: Merchant, provider: Provider) -> None:
    payment = paid(merchant)
    assert problem(refund(merchant, payment, "10.01")) == (400, "AMOUNT_TOO_LARGE", {"amount.value"})
    assert refund(merchant, payment).status_code == 200
    assert problem(refund(merchant, payment, "0.01")) == (400, "PAYMENT_NOT_REFUNDABLE", set())
    assert provider.refunds(payment["order_id"]) == [1000]


def test_another_merchants_refund_is_not_there(merchant: Merchant, new_merchant: Callable[[], Merchant]) -> None:
    payment = paid(merchant)
    refund_id = refund(merchant, payment).json()["refund_id"]
    stranger = new_merchant()
    assert problem(stranger.http.get(f"/v1/refunds/{refund_id}")) == (404, "REFUND_NOT_FOUND", set())
    assert problem(refund(stranger, payment, "1.00")) == (404, "PAYMENT_NOT_FOUND", set())
    listing = stranger.http.get(f"/v1/payments/{payment['payment_id']}/refunds")
    assert problem(listing) == (404, "PAYMENT_NOT_FOUND", set())


def test_refund_that_was_made_elsewhere_is_booked_once(
    gateway: Ready, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order("10.00")["order_id"]
    page = merchant.open_page(order_id)
    provider.pay(page["redirect_url"])
    merchant.wait_for_order(order_id, "SUCCESS")
    provider.refund_elsewhere(order_id, 400)
    merchant.wait_for_order(order_id, "PARTIALLY_REFUNDED")
    payment = merchant.payment(page["payment_id"])
    assert payment["refunded_amount"]["value"] == "4.00"
    [found] = merchant.get(f"/v1/payments/{page['payment_id']}/refunds")["refunds"]
    assert (found["status"], found["amount"]["value"], found["reason"]) == ("SUCCESS", "4.00", ELSEWHERE)
    told = ["refund.created", "refund.succeeded"]
    eventually(
        lambda: [kind for _, kind in receiver.histories().get(found["refund_id"], [])] == told,
        "the merchant's webhooks",
    )
    # within what is left, by whomever
    assert problem(refund(merchant, payment, "6.01"))[1] == "AMOUNT_TOO_LARGE"
    assert refund(merchant, payment).json()["amount"]["value"] == "6.00"
    assert refreshed(gateway, payment["payment_id"]) == (0, "10.00", [])
    assert len(merchant.get(f"/v1/payments/{page['payment_id']}/refunds")["refunds"]) == 2


def test_refunds_that_were_lost_are_brought_forward_by_a_command(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    """A full refund that a restore has lost: nobody would ask for another one, which would have found it."""
    payment = paid(merchant)
    given = refund(merchant, payment).json()
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.execute("DELETE FROM refunds WHERE refund_id = %s", [given["refund_id"]])
    assert refreshed(gateway, payment["payment_id"]) == (1, "10.00", [])
    [found] = merchant.get(f"/v1/payments/{payment['payment_id']}/refunds")["refunds"]
    names = ("refund_id", "status", "amount", "provider_reference")
    assert [found[name] for name in names] == [given[name] for name in names]
    assert refreshed(gateway, payment["payment_id"]) == (0, "10.00", [])


def test_refund_that_nobody_can_tell_of_is_given_to_a_person_and_may_still_end(
    gateway: Ready, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    payment = paid(merchant)
    lost = provider.fault(payment["order_id"], "timeout_before", operation="refunds.create", seconds=30, count=None)
    asked = refund(merchant, payment, "3.00").json()
    assert asked["status"] == "PENDING"
    query = "UPDATE refunds SET create_time = now() - interval '25 hours', next_check_time = now() WHERE refund_id = %s"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.execute(query, [asked["refund_id"]])
    receiver.wait_for("refund.needs_review")
    assert merchant.get(f"/v1/refunds/{asked['refund_id']}")["status"] == "NEEDS_REVIEW"
    # what is not known to have failed may not be given back again
    assert problem(refund(merchant, payment, "7.01"))[1] == "AMOUNT_TOO_LARGE"
    provider.disarm(lost)
