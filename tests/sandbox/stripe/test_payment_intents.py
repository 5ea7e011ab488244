"""PaymentIntents through the official SDK."""

import time
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.harness import Pay, Sandbox


def test_a_good_card_is_captured_and_shows_in_the_ledger(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, order_id: str
) -> None:
    intent = pay()
    assert intent.status == "succeeded"
    assert intent.amount_received == 1000
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.captured, charge.amount_captured, charge.payment_intent) == (True, 1000, intent.id)
    entries = sandbox.get("ledger", **{"metadata.order_id": order_id})["entries"]
    assert [(e["kind"], e["status"], e["amount"]) for e in entries] == [
        ("charge", "succeeded", 1000),
        ("capture", "succeeded", 1000),
    ]


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_declined_card_fails_the_attempt_and_leaves_the_intent_open(
    client: stripe.StripeClient, pay: Pay, token: str, code: str | None, decline_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        pay(token)
    assert refusal.value.http_status == 402
    assert refusal.value.code == code
    error = refusal.value.error
    assert error
    assert error.decline_code == decline_code
    assert error.payment_intent
    intent = client.v1.payment_intents.retrieve(error.payment_intent["id"])
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error
    assert intent.last_payment_error.code == code
    confirmed = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (confirmed.status, confirmed.last_payment_error) == ("succeeded", None)


def test_manual_capture_takes_a_part_once(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, order_id: str
) -> None:
    intent = pay(capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 1000)
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1001})
    assert too_much.value.code == "amount_too_large"
    captured = client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 600})
    assert (captured.status, captured.amount_received) == ("succeeded", 600)
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.payment_intents.capture(intent.id)
    assert again.value.code == "payment_intent_unexpected_state"
    captures = sandbox.get("ledger", order_id=order_id, kind="capture")["entries"]
    assert [entry["amount"] for entry in captures] == [600]


def test_cancelling_an_authorization_releases_it(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, order_id: str
) -> None:
    intent = pay(capture_method="manual")
    cancelled = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    assert [e["status"] for e in sandbox.get("ledger", order_id=order_id)["entries"]] == ["canceled"]
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.payment_intents.cancel(intent.id)
    assert again.value.code == "payment_intent_unexpected_state"


def challenge_of(intent: stripe.PaymentIntent) -> str:
    """Return the address of the bank's page."""
    assert intent.next_action
    assert intent.next_action.redirect_to_url
    return str(intent.next_action.redirect_to_url.url)


def test_three_d_secure_is_approved_on_the_banks_page(client: stripe.StripeClient, pay: Pay) -> None:
    intent = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back?x=1")
    assert intent.status == "requires_action"
    url = challenge_of(intent)
    assert "is this you" in httpx.get(url).text
    answer = httpx.post(f"{url}/approve")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://shop.example/back?x=1&payment_intent=")
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_three_d_secure_without_a_return_url_is_for_stripes_library(sandbox: Sandbox, pay: Pay) -> None:
    intent = pay("pm_card_threeDSecure2Required")
    assert intent.next_action
    action = intent.next_action.to_dict()
    assert (action["type"], "redirect_to_url" in action) == ("use_stripe_sdk", False)
    assert "http" not in str(action)
    url = f"{sandbox.url}/stripe/3ds/{intent.id}"
    assert "close this page" in httpx.post(f"{url}/approve").text
    assert httpx.post(f"{url}/approve").status_code == 409


def test_whoever_uses_the_library_is_never_sent_to_a_page(pay: Pay) -> None:
    more = {"return_url": "https://shop.example/back", "use_stripe_sdk": True}
    intent = pay("pm_card_threeDSecure2Required", **more)
    assert intent.next_action
    assert intent.next_action.type == "use_stripe_sdk"


@pytest.mark.parametrize("token", ["tok_visa", "card_visa", "src_visa", "pm_nothing"])
def test_what_is_no_payment_method_is_refused(token: str, pay: Pay) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        pay(token)
    assert (refusal.value.code, refusal.value.param) == ("resource_missing", "payment_method")


def confirmation_token(client: stripe.StripeClient, method: str, **more: Any) -> str:
    """What Stripe.js would make of a form."""
    asked: Any = {"payment_method": method, **more}
    made = client.v1.test_helpers.confirmation_tokens.create(asked)
    shown = client.v1.confirmation_tokens.retrieve(made.id)
    assert shown.payment_method_preview
    assert shown.payment_method_preview.type == "card"
    return str(made.id)


def test_a_confirmation_token_is_confirmed_once(client: stripe.StripeClient, order_id: str) -> None:
    token = confirmation_token(client, "pm_card_visa", return_url="https://shop.example/back")
    asked: Any = {"amount": 1000, "currency": "eur", "confirm": True, "confirmation_token": token}
    intent = client.v1.payment_intents.create(asked | {"metadata": {"order_id": order_id}})
    assert intent.status == "succeeded"
    assert client.v1.confirmation_tokens.retrieve(token).payment_intent == intent.id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(asked)


def test_a_confirmation_token_brings_its_way_back(client: stripe.StripeClient) -> None:
    token = confirmation_token(client, "pm_card_threeDSecure2Required", return_url="https://shop.example/from-the-form")
    intent = client.v1.payment_intents.create(
        {"amount": 1000, "currency": "eur", "confirm": True, "confirmation_token": token}
    )
    assert intent.next_action
    assert intent.next_action.redirect_to_url
    assert intent.next_action.redirect_to_url.return_url == "https://shop.example/from-the-form"


@pytest.mark.parametrize("more", [{"confirmation_token": "ctoken_nothing"}, {"payment_method": "pm_card_visa"}])
def test_a_confirmation_token_that_does_not_fit_is_refused(client: stripe.StripeClient, more: Any) -> None:
    token = confirmation_token(client, "pm_card_visa", return_url="https://shop.example/back")
    asked: Any = {"amount": 1000, "currency": "eur", "confirm": True, "confirmation_token": token}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.create(asked | more)
    assert refusal.value.param == "confirmation_token"


def test_three_d_secure_refused_leaves_the_intent_open(client: stripe.StripeClient, pay: Pay) -> None:
    intent = pay("pm_card_authenticationRequired", return_url="https://shop.example/back")
    answer = httpx.post(f"{challenge_of(intent)}/refuse")
    assert "redirect_status=failed" in answer.headers["location"]
    after = client.v1.payment_intents.retrieve(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error
    assert after.last_payment_error.code == "payment_intent_authentication_failure"


def test_off_session_authentication_is_a_decline(pay: Pay) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        pay("pm_card_authenticationRequired", off_session=True)
    assert refusal.value.code == "authentication_required"


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "succeeded"), ("failed", "requires_payment_method")])
def test_a_bank_debit_stays_processing_until_it_is_settled(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, outcome: str, status: str
) -> None:
    intent = pay("pm_usBankAccount_processing")
    assert intent.status == "processing"
    sandbox.post("settle", id=intent.id, outcome=outcome)
    assert client.v1.payment_intents.retrieve(intent.id).status == status


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"currency": "zzz"}, None, "currency"),
        ({"currency": "kwd", "amount": 1001}, "parameter_invalid_integer", "amount"),
        ({"currency": "isk", "amount": 1050}, "parameter_invalid_integer", "amount"),
        ({"unheard_of": "x"}, "parameter_unknown", "unheard_of"),
        ({"payment_method": "pm_card_nonsense"}, "resource_missing", "payment_method"),
    ],
)
def test_bad_parameters_are_named(pay: Pay, changes: dict[str, Any], code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        pay(**({"method": changes.pop("payment_method")} if "payment_method" in changes else {}), **changes)
    assert refusal.value.http_status == 400
    assert (refusal.value.code, refusal.value.param) == (code, param)


def test_dashboard_managed_methods_need_a_return_url(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.create(
            {"amount": 1000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
        )
    assert refusal.value.param == "return_url"


def test_a_yen_has_no_cents(pay: Pay) -> None:
    assert pay(currency="jpy", amount=50).amount == 50


def test_a_raw_card_number_is_refused_and_not_echoed(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        client.v1.payment_methods.create({"type": "card", "card": {"number": "4242424242424242"}})
    assert "4242424242424242" not in str(refusal.value.json_body)


def test_a_token_makes_a_payment_method_that_can_be_used(client: stripe.StripeClient, pay: Pay) -> None:
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_mastercard"}})
    assert method.card
    assert method.card.brand == "mastercard"
    assert pay(method.id).status == "succeeded"


def test_metadata_is_merged_and_unset(client: stripe.StripeClient, pay: Pay, order_id: str) -> None:
    intent = pay()
    client.v1.payment_intents.update(intent.id, {"metadata": {"note": "a"}})
    updated = client.v1.payment_intents.update(intent.id, {"metadata": {"note": ""}})
    assert updated.metadata.to_dict() == {"order_id": order_id}


def test_search_finds_by_metadata_with_pages(client: stripe.StripeClient, pay: Pay, order_id: str) -> None:
    ids = [pay(metadata={"order_id": order_id, "part": str(n)}).id for n in range(3)]
    query = f"metadata['order_id']:'{order_id}' AND status:'succeeded'"
    first = client.v1.payment_intents.search({"query": query, "limit": 2})
    assert (len(first.data), first.has_more) == (2, True)
    found = [intent.id for intent in first.auto_paging_iter()]
    assert found == ids[::-1]


def test_list_pages_backwards_through_time(client: stripe.StripeClient, pay: Pay) -> None:
    ids = [pay().id for _ in range(3)]
    page = client.v1.payment_intents.list(
        {"limit": 1, "starting_after": ids[2], "created": {"gte": int(time.time()) - 60}}
    )
    assert len(page.data) == 1
    assert page.has_more
    assert ids[2] not in [intent.id for intent in page.data]
    everything = client.v1.payment_intents.list({"limit": 2})
    assert set(ids) <= {intent.id for intent in everything.auto_paging_iter()}


def test_expand_replaces_ids_with_objects(client: stripe.StripeClient, pay: Pay) -> None:
    intent = pay(expand=["latest_charge"])
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.object == "charge"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.retrieve(intent.id, {"expand": ["amount"]})


def test_a_wrong_key_and_an_unknown_object_are_told_apart(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": sandbox.url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.payment_intents.list()
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_nothing")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert str(missing.value.request_id).startswith("req_")
