"""A merchant's own account at a provider: its payments go there, and only its own webhooks are believed of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from stack.stack import Ready
from stack.state import SECRETS_FILE
from tests.support.merchant.api import LIVE, RETURN_URL, Json, Merchant, direct
from tests.support.merchant.errors import problem
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually

SECRET = f"whsec_{uuid.uuid4().hex}"
ACCOUNT = "/v1/provider_accounts/stripe"


@pytest.fixture
def sandbox_key(gateway: Ready) -> str:
    """The key of the simulated Stripe's first account."""
    secrets: dict[str, str] = json.loads((Path(gateway.log_dir).parent / SECRETS_FILE).read_text())
    return secrets["stripe_api_key"]


def key_of(name: str) -> str:
    """Return a key of a further account at the simulated Stripe."""
    return f"sk_test_acct_{name}{uuid.uuid4().hex[:8]}"


def own_account(merchant: Merchant, api_key: str, secret: str = SECRET) -> Json:
    body = {"credentials": {"api_key": api_key, "webhook_secret": secret}}
    account: Json = merchant.http.put(ACCOUNT, json=body).raise_for_status().json()
    return account


def account_of(gateway: Ready, payment_id: str) -> str:
    """Return the account that a payment was made with; empty for the platform's."""
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        row = connection.execute("SELECT account_id FROM payments WHERE payment_id = %s", [payment_id]).fetchone()
    return str(row[0]) if row and row[0] else ""


def test_payments_go_through_the_merchants_own_account_while_it_is_in_use(
    gateway: Ready, merchant: Merchant, provider: Provider, sandbox_key: str
) -> None:
    before = merchant.charge(merchant.new_order()["order_id"])
    account = own_account(merchant, sandbox_key)
    own = merchant.charge(merchant.new_order()["order_id"])
    gone = merchant.http.delete(ACCOUNT).raise_for_status().json()
    assert gone["delete_time"]
    # whoever has lost the answer asks again
    assert merchant.http.delete(ACCOUNT).raise_for_status().json() == gone
    after = merchant.charge(merchant.new_order()["order_id"])
    made = [account_of(gateway, payment["payment_id"]) for payment in (before, own, after)]
    assert made == ["", account["provider_account_id"], ""]
    # what was made with an account that is no longer in use can still be given back
    assert merchant.post(f"/v1/payments/{own['payment_id']}/refunds", {})["status"] == "SUCCESS"
    assert provider.refunds(own["order_id"]) == [1200]


def test_account_shows_no_secret_and_keeps_its_identity_when_they_change(
    gateway: Ready, merchant: Merchant, sandbox_key: str
) -> None:
    account = own_account(merchant, sandbox_key)
    again = own_account(merchant, sandbox_key, f"{SECRET},whsec_next")
    assert again["provider_account_id"] == account["provider_account_id"]
    assert merchant.get(ACCOUNT) == again
    assert merchant.get("/v1/provider_accounts") == {"provider_accounts": [again]}
    assert again["credentials"] == ["api_key", "webhook_secret"]
    assert sandbox_key not in json.dumps(again)
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        query = "SELECT row_to_json(a)::text FROM provider_accounts a WHERE account_id = %s"
        row = connection.execute(query, [account["provider_account_id"]]).fetchone()
    assert row
    stored = bytes.fromhex(json.loads(row[0])["secret"].removeprefix("\\x"))
    assert SECRET.encode() not in stored


def test_only_the_accounts_own_webhooks_are_believed_of_its_payments(
    gateway: Ready, merchant: Merchant, provider: Provider, stripe: Stripe, sandbox_key: str
) -> None:
    account = own_account(merchant, sandbox_key)
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "webhook_drop", count=None)
    payment = merchant.open_page(order_id)
    provider.pay(payment["redirect_url"])
    own = Stripe(gateway.edge_url, SECRET)
    body = own.event("checkout.session.completed", payment["provider_reference"], payment_id=payment["payment_id"])

    # the platform's secret proves nothing here, and the account's proves nothing there
    assert problem(stripe.post(body, path=account["webhook_path"]))[:2] == (401, "WEBHOOK_SIGNATURE_INVALID")
    assert problem(own.post(body))[:2] == (401, "WEBHOOK_SIGNATURE_INVALID")
    foreign = stripe.event(
        "checkout.session.completed", payment["provider_reference"], payment_id=payment["payment_id"]
    )
    assert stripe.post(foreign).status_code == 200
    quarantined = ("QUARANTINED", "came from another account than the payment's")
    eventually(lambda: provider_event(gateway, stripe.event_id(foreign)) == quarantined, "the foreign event's verdict")

    assert own.post(body, path=account["webhook_path"]).status_code == 200
    merchant.wait_for_order(order_id, "SUCCESS")


def test_account_that_the_provider_refuses_hurts_nobody_else(
    merchant: Merchant, new_merchant: Callable[[], Merchant], provider: Provider
) -> None:
    own_account(merchant, key_of("revoked"))
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "error_401", operation="payment_intents.create")
    failed = merchant.charge(order_id)
    assert (failed["status"], failed["failure"]["code"]) == ("FAILED", "provider_unavailable")
    other = new_merchant()
    assert other.charge(other.new_order()["order_id"])["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("path", "credentials", "reason", "field"),
    [
        ("nobody", {"api_key": "x"}, "PROVIDER_UNKNOWN", "provider"),
        ("stripe", {"api_key": "sk_test_1"}, "INVALID_ARGUMENT", "credentials.webhook_secret"),
        ("paypal", {"api_key": "sk_test_1"}, "INVALID_ARGUMENT", "credentials.client_id"),
        (
            "stripe",
            {"api_key": "sk_live_1", "webhook_secret": "whsec_1"},
            "MODE_DIFFERS",
            "credentials.api_key",
        ),
        *(
            ("stripe", {"api_key": key, "webhook_secret": "whsec_1"}, "INVALID_ARGUMENT", "credentials[api_key]")
            for key in ("sk_test_é", "sk_test_1 ", "sk_test_1\n", "sk_test\x00", "")
        ),
    ],
)
def test_credentials_that_are_wrong_are_named_and_nothing_is_stored(
    path: str, credentials: Json, reason: str, field: str, merchant: Merchant
) -> None:
    answer = merchant.http.put(f"/v1/provider_accounts/{path}", json={"credentials": credentials})
    status, said, fields = problem(answer)
    assert (status, said) == (400, reason)
    assert field in fields
    assert merchant.get("/v1/provider_accounts") == {"provider_accounts": []}


def test_another_merchants_account_is_not_there(
    merchant: Merchant, new_merchant: Callable[[], Merchant], sandbox_key: str
) -> None:
    own_account(merchant, sandbox_key)
    stranger = new_merchant()
    assert problem(stranger.http.get(ACCOUNT))[:2] == (404, "PROVIDER_ACCOUNT_NOT_FOUND")
    assert problem(stranger.http.delete(ACCOUNT))[:2] == (404, "PROVIDER_ACCOUNT_NOT_FOUND")
    assert len(merchant.get("/v1/provider_accounts")["provider_accounts"]) == 1


def test_live_key_reaches_no_account_of_test_mode(
    gateway: Ready, merchant: Merchant, new_merchant: Callable[..., Merchant], sandbox_key: str
) -> None:
    own_account(merchant, sandbox_key)
    live = new_merchant(merchant.merchant_id, mode=LIVE)
    # neither the platform's accounts, which are of test mode here, nor the merchant's own of that mode
    order = live.new_order()
    answer = live.http.post("/v1/payments", json=direct(order["order_id"]))
    assert problem(answer) == (400, "PROVIDER_UNKNOWN", {"provider"})
    routed = live.http.post("/v1/payments", json={"order_id": order["order_id"], "return_url": RETURN_URL})
    assert problem(routed)[:2] == (400, "NO_ROUTE")
    assert live.get("/v1/provider_accounts") == {"provider_accounts": []}
    refused = live.http.put(ACCOUNT, json={"credentials": {"api_key": sandbox_key, "webhook_secret": SECRET}})
    assert problem(refused) == (400, "MODE_DIFFERS", {"credentials.api_key"})
    # the merchant's two modes know nothing of each other
    assert problem(merchant.http.get(f"/v1/orders/{order['order_id']}"))[0] == 404


def test_payment_without_an_answer_is_asked_for_again_at_its_own_account(
    merchant: Merchant, provider: Provider
) -> None:
    """Another account knows neither the key nor the charge: it would charge again."""
    first = own_account(merchant, key_of("first"))
    order_id = merchant.new_order()["order_id"]
    for operation in ("payment_intents.create", "payment_intents.list"):
        provider.fault(order_id, "connection_reset", operation=operation, applied=True, count=2)
    payment = merchant.charge(order_id)
    assert payment["status"] in ("INITIATED", "PROCESSING")
    second = own_account(merchant, key_of("second"))
    assert second["provider_account_id"] != first["provider_account_id"]
    assert merchant.get("/v1/provider_accounts") == {"provider_accounts": [second]}
    merchant.wait_for_payment(payment["payment_id"], "SUCCESS")
    assert provider.charges(order_id) == ["succeeded"]


def test_account_that_another_one_replaced_keeps_its_payments_and_its_address(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    key = key_of("first")
    first = own_account(merchant, key)
    page = merchant.open_page(merchant.new_order()["order_id"])
    paid = merchant.charge(merchant.new_order()["order_id"])
    own_account(merchant, key_of("second"))
    later = merchant.charge(merchant.new_order()["order_id"])
    assert account_of(gateway, later["payment_id"]) != first["provider_account_id"]

    provider.pay(page["redirect_url"])
    own = Stripe(gateway.edge_url, SECRET)
    body = own.event("checkout.session.completed", page["provider_reference"], payment_id=page["payment_id"])
    assert own.post(body, path=first["webhook_path"]).status_code == 200
    merchant.wait_for_payment(page["payment_id"], "SUCCESS")
    assert merchant.post(f"/v1/payments/{paid['payment_id']}/refunds", {})["status"] == "SUCCESS"

    again = own_account(merchant, f"{key}_2")
    assert again["provider_account_id"] == first["provider_account_id"]
    assert again.get("delete_time") is None


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [("error_401", 400, "CREDENTIALS_REFUSED"), ("error_500", 503, "PROVIDER_UNAVAILABLE")],
)
def test_account_that_does_not_say_whose_it_is_is_not_set(
    kind: str, status: int, reason: str, merchant: Merchant, provider: Provider
) -> None:
    before = own_account(merchant, key_of("first"))
    key = key_of("second")
    provider.aim(key.removeprefix("sk_test_acct_"), kind, operation="accounts.retrieve", stored=False, count=None)
    answer = merchant.http.put(ACCOUNT, json={"credentials": {"api_key": key, "webhook_secret": SECRET}})
    assert problem(answer)[:2] == (status, reason)
    assert merchant.get(ACCOUNT) == before


def test_secret_that_paypal_does_not_take_is_not_set(merchant: Merchant) -> None:
    credentials = {"client_id": "client", "client_secret": "mistyped", "webhook_id": "WH-1"}
    answer = merchant.http.put("/v1/provider_accounts/paypal", json={"credentials": credentials})
    assert problem(answer) == (400, "CREDENTIALS_REFUSED", {"credentials"})
    assert merchant.get("/v1/provider_accounts") == {"provider_accounts": []}


def test_a_check_says_whether_the_provider_takes_the_credentials_now(merchant: Merchant, provider: Provider) -> None:
    key = key_of("checked")
    account = own_account(merchant, key)
    said = merchant.post(f"{ACCOUNT}/check", {})
    assert said == {"accepted": True, "identity": account["identity"], "refusal": ""}
    name = key.removeprefix("sk_test_acct_")
    provider.aim(name, "error_401", operation="accounts.retrieve", stored=False, count=1)
    said = merchant.post(f"{ACCOUNT}/check", {})
    assert (said["accepted"], said["identity"], bool(said["refusal"])) == (False, "", True)
    assert key not in json.dumps(said)
    provider.aim(name, "error_500", operation="accounts.retrieve", stored=False, count=None)
    answer = merchant.http.post(f"{ACCOUNT}/check", json={})
    assert problem(answer)[:2] == (503, "PROVIDER_UNAVAILABLE")
    assert merchant.get(ACCOUNT) == account
    assert problem(merchant.http.post("/v1/provider_accounts/paypal/check", json={}))[0] == 404
