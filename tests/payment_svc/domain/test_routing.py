"""Which rule matches, and how the weights fall."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from payment_svc.domain.routing import Candidate, Rule, Target, draw, shares

EUR_10 = Money(1000, "EUR")
targets = st.lists(
    st.builds(Target, st.uuids().map(str), st.integers(0, 1000)), min_size=1, max_size=8, unique_by=lambda t: t.provider
)


def rule(**conditions: object) -> Rule:
    nothing = {"currencies": (), "min_amount": None, "max_amount": None, "countries": ()}
    return Rule(name="r", targets=(Target("stripe", 1),), **(nothing | conditions))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"currencies": ("EUR", "USD")}, True),
        ({"currencies": ("USD",)}, False),
        ({"countries": ("DE",)}, True),
        ({"countries": ("FR",)}, False),
        ({"min_amount": Money(1000, "EUR")}, True),
        ({"min_amount": Money(1001, "EUR")}, False),
        ({"max_amount": Money(1000, "EUR")}, True),
        ({"max_amount": Money(999, "EUR")}, False),
        ({"min_amount": Money(1, "USD")}, False),
        ({"max_amount": Money(10**9, "JPY")}, False),
        ({"currencies": ("EUR",), "countries": ("FR",)}, False),
    ],
)
def test_rule_matches_when_all_its_conditions_do(conditions: dict[str, object], matches: bool) -> None:
    assert rule(**conditions).matches(EUR_10, "DE") is matches


def test_rule_about_countries_does_not_match_a_payment_that_tells_none() -> None:
    assert not rule(countries=("DE",)).matches(EUR_10, "")


@given(targets, st.integers(0, 2**128))
def test_every_target_is_drawn_once_and_none_without_a_weight_before_one_with(
    given_targets: list[Target], seed: int
) -> None:
    order = draw(given_targets, seed)
    assert sorted(order, key=str) == sorted(given_targets, key=str)
    assert order == draw(given_targets, seed)
    weights = [target.weight for target in order]
    assert weights[1:] == sorted(weights[1:], reverse=True)
    assert weights[0] > 0 or not any(weights)


def test_shares_follow_the_weights() -> None:
    seeds = Random(7)
    drawn = Counter(
        draw([Target("a", 70), Target("b", 30), Target("c", 0)], seeds.getrandbits(128))[0].provider
        for _ in range(4000)
    )
    assert drawn["c"] == 0
    assert drawn["a"] / 4000 == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize(
    ("refusals", "expected"),
    [
        ({}, {"a": 75, "b": 25, "c": 0}),
        # who is drawn and cannot leaves it to the first in order that can
        ({"a": "is down"}, {"a": 0, "b": 100, "c": 0}),
        ({"b": "is down"}, {"a": 100, "b": 0, "c": 0}),
        ({"a": "is down", "b": "is down"}, {"a": 0, "b": 0, "c": 100}),
        ({"a": "is down", "b": "is down", "c": "too much"}, {"a": 0, "b": 0, "c": 0}),
    ],
)
def test_a_preview_says_what_each_takes(refusals: dict[str, str], expected: dict[str, int]) -> None:
    found = shares([Target("c", 0), Target("b", 1), Target("a", 3)], refusals)
    assert found == [Candidate(name, percent, refusals.get(name, "")) for name, percent in expected.items()]


def test_without_weights_the_first_in_order_takes_all() -> None:
    assert [one.percent for one in shares([Target("a", 0), Target("b", 0)], {})] == [100, 0]
    assert [one.percent for one in shares([Target("a", 0), Target("b", 0)], {"a": "is down"})] == [0, 100]
