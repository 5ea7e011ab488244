"""A provider is its module to `fusionxpay prove`: customers that only the tests have pay, with no edit elsewhere."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from cli.prove import customers
from cli.prove.chances import faults_of_an_order, way_of_an_order
from cli.prove.customers import Crowd, Way, discover
from payment_svc.providers import registry
from payment_svc.providers.registry import capabilities_of

HERE = Path(__file__).parent / "fourth"
PAGE, TORN, PAPER = "http://sandbox/vouchers/1", {"voucher": "torn"}, {"voucher": "paper"}
MANY = 300


@pytest.fixture
def fourth(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """The customers with one more module in `cli/prove/customers`."""
    monkeypatch.setattr(customers, "__path__", [*customers.__path__, str(HERE)])
    return discover()


def test_every_provider_has_customers() -> None:
    assert set(discover().of) == set(registry.discover())


@pytest.mark.parametrize("name", sorted(discover().of))
def test_customers_want_only_what_their_provider_can_do(name: str) -> None:
    can, one = capabilities_of(name), discover().of[name]
    assert one.ordinary.form
    assert can.authorization_lifetime or not any(way.manual for way in one.ways)
    assert can.tokens or not any(way.card for way in (*one.ways, *filter(None, [one.at_once])))
    assert one.calls


def test_module_pays_in_its_own_ways(fourth: Crowd) -> None:
    chances = [Random(seed) for seed in range(MANY)]
    ways = [way_of_an_order(chance, fourth, [], 0) for chance in chances]
    assert [way for name, way in ways if name == "vouchers" and way.form]
    assert [way for name, way in ways if name == "vouchers" and way.card]
    assert {name for name, _ in ways} == {"bank_transfer", "paypal", "stripe", "vouchers"}


def test_who_is_in_a_hurry_may_take_it(fourth: Crowd) -> None:
    quick = [fourth.choose(Random(seed), in_a_hurry=True) for seed in range(MANY)]
    assert {name for name, _ in quick} == {"stripe", "vouchers"}
    assert all(way.card and not way.form for _, way in quick)


def test_faults_are_aimed_at_its_calls(fourth: Crowd) -> None:
    armed = [fault for seed in range(MANY) for fault in faults_of_an_order(Random(seed), fourth)]
    assert {fault["operation"] for fault in armed if fault.get("provider") == "vouchers"} == {"issue"}


def test_its_pages_are_known_from_those_of_others(fourth: Crowd) -> None:
    paper, gold = fourth.of["vouchers"].ordinary, Way(card="voucher_gold")
    asked = [("redeem", TORN), ("redeem", PAPER)]
    assert fourth.act(PAGE, "vouchers", paper) == asked
    assert fourth.act(PAGE, "vouchers", gold) == asked
    # another request has led there
    assert fourth.act(PAGE, "stripe", Way("pay", {"payment_method": "pm_card_visa"})) == asked
    pin = "http://sandbox/vouchers/pin/1"
    assert fourth.act(pin, "vouchers", paper) == [("approve", {})]
    assert fourth.act(pin, "vouchers", Way("refuse", card="voucher_gold")) == [("refuse", {})]
