"""Routing with its dry run and history, and a merchant's own accounts, as people see and change them."""

from __future__ import annotations

import html
import re

import httpx

from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

SECRET = "sk_test_acct_console"


def seen(browser: Browser) -> str:
    """Return what a form says of the policy that its page shows."""
    found = re.search(r'name="seen" value="([^"]*)"', browser.page("/routing"))
    assert found
    return html.unescape(found[1])


def change(browser: Browser, verb: str, **fields: str) -> httpx.Response:
    return browser.post("/routing", verb=verb, **{"seen": seen(browser), **fields})


def names(merchant: Merchant) -> list[str]:
    return [rule["name"] for rule in merchant.get("/v1/routing_policy")["rules"]]


def test_rules_are_added_moved_removed_and_brought_back(owner: Browser, merchant: Merchant) -> None:
    large = {"name": "large", "targets": "bank_transfer", "currencies": "eur", "min_amount": "500.00"}
    assert change(owner, "add", name="france", targets="paypal 3, stripe", countries="fr").is_redirect
    assert change(owner, "add", **large).is_redirect
    assert change(owner, "up", rule="large").is_redirect
    assert names(merchant) == ["large", "france"]
    (first, second) = merchant.get("/v1/routing_policy")["rules"]
    assert first["min_amount"] == {"value": "500.00", "currency": "EUR"}
    assert second["targets"] == [{"provider": "paypal", "weight": 3}, {"provider": "stripe", "weight": 0}]
    before = merchant.get("/v1/routing_policy")["update_time"]
    assert change(owner, "remove", rule="large").is_redirect
    assert names(merchant) == ["france"]
    assert change(owner, "restore", rule=before).is_redirect
    assert names(merchant) == ["large", "france"]


def test_the_dry_run_says_who_takes_it_and_why(console: Console, owner: Browser) -> None:
    change(owner, "add", name="large", targets="bank_transfer", currencies="EUR", min_amount="500.00")
    change(owner, "add", name="france", targets="paypal 3, stripe 1, bank_transfer", countries="FR")
    change(owner, "add", name="francs", targets="stripe", currencies="CHF")
    viewer = console.logged_in(*console.new_person(owner, "viewer"))
    said = viewer.page("/routing?amount=120&currency=eur&country=fr")
    assert "Rule <strong>france</strong> decides (FR)" in said
    assert "takes 75.0 % of such payments" in said
    assert "takes 25.0 % of such payments" in said
    assert "only when the others cannot" in said
    assert "No rule matches" in viewer.page("/routing?amount=120&currency=USD")
    assert "None of its providers can" in viewer.page("/routing?amount=100000000&currency=CHF")
    wrong = viewer.get("/routing", amount="1.001")
    assert wrong.status_code == httpx.codes.BAD_REQUEST
    assert "amount.value" in wrong.text
    assert 'name="verb"' not in said


def test_the_second_of_two_who_change_the_policy_is_told(owner: Browser, merchant: Merchant) -> None:
    change(owner, "add", name="a", targets="stripe")
    stale = seen(owner)
    assert change(owner, "add", name="b", targets="paypal").is_redirect
    answer = change(owner, "remove", rule="a", seen=stale)
    assert answer.status_code == httpx.codes.CONFLICT
    assert "meanwhile" in answer.text
    assert names(merchant) == ["a", "b"]


def test_what_is_wrong_with_a_rule_is_said_with_what_was_typed(owner: Browser, merchant: Merchant) -> None:
    for fields, words in (
        ({"targets": "nobody 1"}, "nobody"),
        ({"targets": "stripe; paypal"}, "no provider with a weight"),
        ({"targets": "stripe", "min_amount": "5"}, "name it"),
        ({"targets": "stripe", "countries": "<script>"}, "Not changed"),
    ):
        answer = change(owner, "add", name="typed-rule", **fields)
        assert answer.status_code == httpx.codes.BAD_REQUEST, fields
        assert words in answer.text
        assert 'value="typed-rule"' in answer.text
        assert "<script>" not in answer.text.partition("<main")[2]
    assert names(merchant) == []


def test_history_names_who_set_a_policy(console: Console, owner: Browser, merchant: Merchant) -> None:
    email, password = console.new_person(owner, "developer")
    change(console.logged_in(email, password), "add", name="a", targets="stripe")
    # the audit has it a moment later
    eventually(lambda: f"by {email}" in owner.page("/routing"), "the name")


def test_an_account_is_set_checked_and_taken_out_of_use(console: Console, owner: Browser, merchant: Merchant) -> None:
    answer = owner.post(
        "/provider_accounts", provider="stripe", credentials=f"api_key={SECRET}\nwebhook_secret: whsec_a"
    )
    assert answer.is_redirect
    checked = owner.page("/provider_accounts?check=stripe")
    assert "Stripe takes the credentials, just now" in checked
    (account,) = merchant.get("/v1/provider_accounts")["provider_accounts"]
    assert account["webhook_path"] in checked
    assert account["identity"] in checked
    assert SECRET not in checked
    developer = console.logged_in(*console.new_person(owner, "developer"))
    assert "Check now" in developer.page("/provider_accounts")
    assert "Set account" not in developer.page("/provider_accounts")
    assert owner.post("/provider_accounts/stripe").is_redirect
    assert "No accounts of your own" in owner.page("/provider_accounts")


def test_credentials_that_are_refused_are_not_shown_again(owner: Browser, merchant: Merchant) -> None:
    for credentials in (f"{SECRET}", f"api_key={SECRET}\nsuch=none", f"api_key=rk_{SECRET}\nwebhook_secret=w"):
        answer = owner.post("/provider_accounts", provider="stripe", credentials=credentials)
        assert answer.status_code == httpx.codes.BAD_REQUEST, answer.text[-900:]
        assert "Not set" in answer.text
        assert SECRET not in answer.text
    assert merchant.get("/v1/provider_accounts")["provider_accounts"] == []


def test_a_key_may_be_bound_to_networks(owner: Browser) -> None:
    made = owner.post("/keys", scopes="orders:read", allowed_ips="203.0.113.0/24, 2001:db8::7")
    assert "sk_test_" in made.text
    assert "from 203.0.113.0/24, 2001:db8::7" in owner.page("/keys")
    secret = re.search(r"sk_test_[\w-]+", made.text)
    assert secret
    answer = httpx.get(f"{owner.origin}/v1/orders", headers={"authorization": f"Bearer {secret[0]}"})
    assert answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
    refused = owner.post("/keys", scopes="orders:read", allowed_ips="no network")
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert "allowed_ips" in refused.text
