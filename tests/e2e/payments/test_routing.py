"""Which provider takes a payment that names none: the merchant's rules decide, and the answer says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.merchant.api import RETURN_URL, STRIPE_THEN_PAYPAL, Json, Merchant
from tests.support.merchant.errors import problem


def routed(merchant: Merchant, value: str = "12.00", currency: str = "EUR", **fields: str) -> Json:
    """Start a payment that names no provider."""
    order_id = merchant.new_order(value, currency)["order_id"]
    return merchant.post("/v1/payments", {"order_id": order_id, "return_url": RETURN_URL} | fields)


def euros(value: str) -> Json:
    return {"value": value, "currency": "EUR"}


def rule(name: str, provider: str, **conditions: object) -> Json:
    return {"name": name, "targets": [{"provider": provider, "weight": 1}], **conditions}


def test_first_rule_that_matches_decides_and_the_payment_says_which(merchant: Merchant) -> None:
    rules = [
        rule("large", "bank_transfer", min_amount={"value": "500.00", "currency": "EUR"}),
        rule("germany", "paypal", countries=["DE"]),
        rule("rest", "stripe"),
    ]
    set_policy = merchant.http.put("/v1/routing_policy", json={"rules": rules}).raise_for_status().json()
    assert merchant.get("/v1/routing_policy") == set_policy
    assert set_policy["update_time"]
    found = [
        routed(merchant, "500.00", customer_country="DE"),
        routed(merchant, "499.99", customer_country="DE"),
        routed(merchant, "499.99", customer_country="FR"),
        routed(merchant, "900.00", "USD"),
    ]
    assert [(one["provider"], one["routing"]["rule"]) for one in found] == [
        ("bank_transfer", "large"),
        ("paypal", "germany"),
        ("stripe", "rest"),
        ("stripe", "rest"),
    ]
    assert found[1]["routing"]["reason"] == "germany (DE): paypal drawn by weight 1 of 1"


def test_without_a_policy_the_gateways_own_order_applies(merchant: Merchant) -> None:
    payment = routed(merchant)
    assert (payment["provider"], payment["routing"]["rule"]) == ("stripe", "default")


def test_payment_that_names_its_provider_is_not_routed(merchant: Merchant) -> None:
    merchant.http.put("/v1/routing_policy", json={"rules": [rule("all", "paypal")]}).raise_for_status()
    payment = merchant.open_page(merchant.new_order()["order_id"])
    assert payment["provider"] == "stripe"
    assert "routing" not in payment


def test_provider_that_cannot_take_the_payment_is_passed_over(merchant: Merchant) -> None:
    targets = [{"provider": "paypal", "weight": 1}, {"provider": "stripe", "weight": 0}]
    merchant.http.put("/v1/routing_policy", json={"rules": [{"name": "all", "targets": targets}]}).raise_for_status()
    order_id = merchant.new_order()["order_id"]
    payment = merchant.post("/v1/payments", {"order_id": order_id, "payment_method": "pm_card_visa"})
    assert (payment["provider"], payment["status"]) == ("stripe", "SUCCESS")
    assert "paypal passed over: CAPABILITY_NOT_SUPPORTED" in payment["routing"]["reason"]


def test_policy_is_the_merchants_own_and_can_be_taken_back(
    merchant: Merchant, new_merchant: Callable[[], Merchant]
) -> None:
    merchant.http.put("/v1/routing_policy", json=STRIPE_THEN_PAYPAL).raise_for_status()
    assert new_merchant().get("/v1/routing_policy") == {"rules": []}
    assert merchant.http.put("/v1/routing_policy", json={"rules": []}).raise_for_status().json() == {"rules": []}
    assert routed(merchant)["routing"]["rule"] == "default"


@pytest.mark.parametrize(
    ("rules", "reason", "field"),
    [
        ([{"name": "a", "targets": []}], "INVALID_ARGUMENT", "rules[0].targets"),
        ([{"name": "a", "targets": [{"provider": "nobody"}]}], "PROVIDER_UNKNOWN", "rules[0].targets[0].provider"),
        (
            [{"name": "a", "targets": [{"provider": "stripe"}, {"provider": "stripe"}]}],
            "INVALID_ARGUMENT",
            "rules[0].targets",
        ),
        ([{"name": "Not A Name", "targets": [{"provider": "stripe"}]}], "INVALID_ARGUMENT", "rules[0].name"),
        ([{"name": "a", "target": []}], "INVALID_ARGUMENT", "rules[0].target"),
        (
            [{"name": "a", "min_amount": {"value": "1.001", "currency": "EUR"}, "targets": [{"provider": "stripe"}]}],
            "INVALID_ARGUMENT",
            "rules[0].min_amount.value",
        ),
    ],
)
def test_policy_that_is_wrong_names_the_rule_and_changes_nothing(
    rules: list[Json], reason: str, field: str, merchant: Merchant
) -> None:
    answer = merchant.http.put("/v1/routing_policy", json={"rules": rules})
    assert problem(answer) == (400, reason, {field})
    assert merchant.get("/v1/routing_policy") == {"rules": []}


def test_payment_that_no_rule_fits_is_refused_with_the_reason(merchant: Merchant) -> None:
    merchant.http.put("/v1/routing_policy", json=STRIPE_THEN_PAYPAL).raise_for_status()
    assert merchant.get("/v1/routing_policy")["rules"][0]["name"] == "euros"
    for currency, value in (("USD", "5.00"), ("EUR", "1000000.00")):
        order_id = merchant.new_order(value, currency)["order_id"]
        answer = merchant.http.post(
            "/v1/payments", json={"order_id": order_id, "payment_method": "pm_card_visa", "capture_method": "manual"}
        )
        assert problem(answer)[:2] == (400, "NO_ROUTE")
        assert merchant.order(order_id)["status"] == "NEW"


def preview(merchant: Merchant, value: str, currency: str = "EUR", country: str = "") -> Json:
    body = {"amount": {"value": value, "currency": currency}, "customer_country": country}
    return merchant.post("/v1/routing_policy:preview", body)


def test_preview_says_what_a_payment_then_does(merchant: Merchant) -> None:
    rules = [
        rule("large", "bank_transfer", min_amount=euros("500.00"), max_amount=euros("1000.00")),
        {"name": "france", "countries": ["FR"], "targets": [{"provider": "paypal"}, {"provider": "stripe"}]},
        {"name": "euros", "currencies": ["EUR"], "targets": STRIPE_THEN_PAYPAL["rules"][0]["targets"]},
    ]
    merchant.http.put("/v1/routing_policy", json={"rules": rules}).raise_for_status()
    france = preview(merchant, "120.00", country="FR")
    assert (france["rule"], france["condition"]) == ("france", "FR")
    assert [(one["provider"], one["percent"], one["refusal"]) for one in france["candidates"]] == [
        ("paypal", 100, ""),
        ("stripe", 0, ""),
    ]
    for value, country in (("120.00", "FR"), ("900.00", "FR"), ("3.00", "DE")):
        said = preview(merchant, value, country=country)
        payment = routed(merchant, value, customer_country=country)
        assert (payment["provider"], payment["routing"]["rule"]) == (said["candidates"][0]["provider"], said["rule"])
    assert preview(merchant, "5.00", "USD") == {"rule": "", "condition": "", "candidates": []}
    # one that cannot take so much is passed over, and says why
    too_much = preview(merchant, "1000000.00", country="DE")
    found = {one["provider"]: (one["percent"], bool(one["refusal"])) for one in too_much["candidates"]}
    assert (too_much["rule"], found["stripe"]) == ("euros", (0, True))


def test_preview_of_what_is_no_amount_names_the_field(merchant: Merchant) -> None:
    body = {"amount": {"value": "1.001", "currency": "EUR"}}
    answer = merchant.http.post("/v1/routing_policy:preview", json=body)
    assert problem(answer) == (400, "INVALID_ARGUMENT", {"amount.value"})


def test_what_the_policy_was_is_kept_newest_first(merchant: Merchant, new_merchant: Callable[[], Merchant]) -> None:
    assert merchant.get("/v1/routing_policy/versions") == {"routing_policy_versions": []}
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for name in ("first", "second"):
        answer = merchant.http.put(
            "/v1/routing_policy",
            json={"rules": [rule(name, "paypal")]},
            headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
        )
        now = answer.raise_for_status().json()
    found = merchant.get("/v1/routing_policy/versions")["routing_policy_versions"]
    assert [one["rules"][0]["name"] for one in found] == ["second", "first"]
    assert (found[0]["create_time"], found[0]["trace_id"]) == (now["update_time"], trace)
    assert new_merchant().get("/v1/routing_policy/versions")["routing_policy_versions"] == []


def test_only_the_newest_hundred_policies_are_kept(merchant: Merchant) -> None:
    for number in range(103):
        merchant.http.put("/v1/routing_policy", json={"rules": [rule(f"r{number}", "paypal")]}).raise_for_status()
    found = merchant.get("/v1/routing_policy/versions")["routing_policy_versions"]
    assert [one["rules"][0]["name"] for one in found] == [f"r{number}" for number in range(102, 2, -1)]
