from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from order_svc.domain import (
    PAYABLE,
    SETTLED,
    TRANSITIONS,
    Capture,
    IllegalTransitionError,
    Order,
    OrderStatus,
    Refunded,
    fail,
    hand_over,
    refund,
    settle,
    transition,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
AMOUNT = Money(1200, "EUR")
FIRST, SECOND = UUID(int=1), UUID(int=2)
NEW = Order(
    order_id=UUID(int=9),
    merchant_id=UUID(int=8),
    merchant_order_id="A-1",
    amount=AMOUNT,
    status=OrderStatus.NEW,
    description="",
    metadata={},
    payment_id=None,
    payment_version=0,
    version=1,
    create_time=NOW,
    update_time=NOW,
    expire_time=NOW + timedelta(days=1),
    create_trace_id="",
)
PROCESSING = transition(NEW, OrderStatus.PROCESSING, NOW, FIRST)


@pytest.mark.parametrize("status", sorted(set(OrderStatus) - {OrderStatus.PROCESSING}))
def test_failure_ends_only_what_is_being_paid(status: OrderStatus) -> None:
    """Of the same payment as well: it may have failed late, of an order that has moved on."""
    assert fail(replace(PROCESSING, status=status), FIRST, NOW) is None
    failed = fail(PROCESSING, FIRST, NOW)
    assert failed
    assert failed.status == OrderStatus.FAILED


@pytest.mark.parametrize("before", OrderStatus)
@pytest.mark.parametrize("after", OrderStatus)
def test_step_is_taken_if_and_only_if_it_is_legal(before: OrderStatus, after: OrderStatus) -> None:
    order = replace(NEW, status=before, payment_id=FIRST)
    if after in TRANSITIONS[before]:
        changed = transition(order, after, NOW)
        assert (changed.status, changed.version) == (after, order.version + 1)
    else:
        with pytest.raises(IllegalTransitionError):
            transition(order, after, NOW)


def test_no_step_leads_out_of_a_terminal_status_or_back_to_new() -> None:
    assert not TRANSITIONS[OrderStatus.CANCELLED] | TRANSITIONS[OrderStatus.EXPIRED]
    assert OrderStatus.NEW not in frozenset().union(*TRANSITIONS.values())
    assert not PAYABLE & SETTLED


def _tell(order: Order, facts: Sequence[tuple[str, UUID]]) -> list[Order]:
    """Apply facts as they come, however often; return every version."""
    versions = [order]
    for kind, payment_id in facts:
        changed: Order | None
        try:
            if kind == "captured":
                changed = settle(versions[-1], Capture(payment_id, AMOUNT), NOW)
            else:
                changed = fail(versions[-1], payment_id, NOW)
        except IllegalTransitionError:
            changed = None
        if changed:
            versions.append(changed)
    return versions


facts = st.lists(st.tuples(st.sampled_from(["captured", "failed"]), st.sampled_from([FIRST, SECOND])), max_size=8)


@given(facts)
def test_facts_in_any_order_and_number_take_only_legal_steps(told: list[tuple[str, UUID]]) -> None:
    versions = _tell(PROCESSING, told)
    for before, after in pairwise(versions):
        assert after.status in TRANSITIONS[before.status]
        assert after.version == before.version + 1


@given(facts)
def test_confirmed_capture_is_never_forgotten(told: list[tuple[str, UUID]]) -> None:
    captured = next((payment_id for kind, payment_id in told if kind == "captured"), None)
    last = _tell(PROCESSING, told)[-1]
    if captured:
        assert (last.status, last.payment_id) == (OrderStatus.SUCCESS, captured)
    else:
        assert last.status in (OrderStatus.PROCESSING, OrderStatus.FAILED)


@given(facts)
def test_facts_told_again_change_nothing(told: list[tuple[str, UUID]]) -> None:
    last = _tell(PROCESSING, told)[-1]
    assert _tell(last, told)[-1].status in (last.status, OrderStatus.FAILED)
    if last.status in SETTLED:
        assert _tell(last, told) == [last]


def test_late_capture_of_a_failed_order_is_money_all_the_same() -> None:
    failed = fail(PROCESSING, FIRST, NOW)
    assert failed
    settled = settle(failed, Capture(FIRST, AMOUNT), NOW)
    assert settled
    assert settled.status == OrderStatus.SUCCESS


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.EXPIRED])
def test_capture_of_an_order_that_is_closed_is_quarantined(status: OrderStatus) -> None:
    with pytest.raises(IllegalTransitionError):
        settle(replace(PROCESSING, status=status), Capture(FIRST, AMOUNT), NOW)


@pytest.mark.parametrize("amount", [Money(1199, "EUR"), Money(1201, "EUR"), Money(1200, "USD")])
def test_capture_of_other_money_is_quarantined(amount: Money) -> None:
    with pytest.raises(IllegalTransitionError, match="captured"):
        settle(PROCESSING, Capture(FIRST, amount), NOW)


@pytest.mark.parametrize("status", sorted(SETTLED))
def test_second_capture_by_another_payment_is_quarantined(status: OrderStatus) -> None:
    """Also where refunds have a way back to SUCCESS."""
    settled = replace(PROCESSING, status=status)
    with pytest.raises(IllegalTransitionError):
        settle(settled, Capture(SECOND, AMOUNT), NOW)


@given(st.permutations([(5, 400), (6, 1200), (7, 800), (8, 0), (9, 1200)]))
def test_news_of_refunds_in_any_order_end_at_the_newest(told: list[tuple[int, int]]) -> None:
    order = transition(PROCESSING, OrderStatus.SUCCESS, NOW)
    for version, refunded in told:
        order = refund(order, Refunded(FIRST, version, AMOUNT, refunded), NOW) or order
    assert order.status == OrderStatus.REFUNDED


@pytest.mark.parametrize(
    ("refunded", "status"),
    [
        (0, OrderStatus.SUCCESS),
        (1, OrderStatus.PARTIALLY_REFUNDED),
        (1199, OrderStatus.PARTIALLY_REFUNDED),
        (1200, OrderStatus.REFUNDED),
    ],
)
def test_order_is_refunded_by_what_has_gone_back(refunded: int, status: OrderStatus) -> None:
    paid = transition(PROCESSING, OrderStatus.SUCCESS, NOW)
    half = refund(paid, Refunded(FIRST, 5, AMOUNT, 600), NOW)
    assert half
    after = refund(half, Refunded(FIRST, 6, AMOUNT, refunded), NOW)
    assert after
    assert (after.status, after.given_back) == (status, refunded)
    # whoever follows the order by its versions is told
    assert after.version == half.version + 1


def test_version_of_an_order_grows_with_what_is_shown_of_it_and_with_nothing_else() -> None:
    paid = transition(PROCESSING, OrderStatus.SUCCESS, NOW)
    half = refund(paid, Refunded(FIRST, 5, AMOUNT, 600), NOW)
    assert half
    for refunded, more in ((600, 0), (700, 1), (300, 1)):
        after = refund(half, Refunded(FIRST, 6, AMOUNT, refunded), LATER)
        assert after
        assert (after.status, after.version - half.version) == (OrderStatus.PARTIALLY_REFUNDED, more)
        assert after.update_time == (LATER if more else NOW)
    same = refund(paid, Refunded(FIRST, 5, AMOUNT, 0), LATER)
    assert same
    assert (same.status, same.version) == (OrderStatus.SUCCESS, paid.version)


@pytest.mark.parametrize("over", [OrderStatus.EXPIRED, OrderStatus.CANCELLED])
def test_refund_of_a_capture_that_came_when_the_order_was_over_is_absorbed(over: OrderStatus) -> None:
    """Case 17."""
    order = replace(NEW, status=over, payment_id=FIRST)
    with pytest.raises(IllegalTransitionError):
        settle(order, Capture(FIRST, AMOUNT), NOW)
    for refunded in (300, AMOUNT.minor):
        assert refund(order, Refunded(FIRST, 5, AMOUNT, refunded), NOW) is None


def test_refund_that_comes_before_its_capture_is_not_lost() -> None:
    """A capture among the dead letters is replayed first."""
    with pytest.raises(IllegalTransitionError):
        refund(PROCESSING, Refunded(FIRST, 5, AMOUNT, AMOUNT.minor), NOW)


def test_refund_of_another_payment_is_absorbed() -> None:
    order = transition(PROCESSING, OrderStatus.SUCCESS, NOW)
    assert refund(order, Refunded(UUID(int=77), 5, AMOUNT, 1200), NOW) is None


def test_what_was_given_back_is_shown_only_where_it_was_counted() -> None:
    paid = settle(PROCESSING, Capture(FIRST, AMOUNT), NOW)
    assert paid is not None
    assert paid.given_back == 0
    counted = refund(paid, Refunded(FIRST, 5, AMOUNT, 300), NOW)
    assert counted is not None
    assert counted.given_back == 300
    # the version before, which runs beside this one, applies the next and leaves the count as it was
    stale = replace(counted, payment_version=6)
    assert stale.given_back is None
    # and what it refunded before there was a count
    assert replace(stale, refunded=0, refunded_version=0).given_back is None
    assert replace(stale, status=OrderStatus.REFUNDED).given_back == 1200
    known = refund(stale, Refunded(FIRST, 7, AMOUNT, 700), NOW)
    assert known is not None
    assert known.given_back == 700


def test_part_that_was_captured_is_what_was_paid_and_is_all_that_goes_back() -> None:
    paid = settle(PROCESSING, Capture(FIRST, AMOUNT, 500), NOW)
    assert paid is not None
    assert paid.paid == 500
    refunded = refund(paid, Refunded(FIRST, 5, Money(500, "EUR"), 500), NOW)
    assert refunded is not None
    assert (refunded.status, refunded.paid, refunded.given_back) == (OrderStatus.REFUNDED, 500, 500)


def test_part_that_was_captured_is_noted_where_the_order_was_settled_without_it() -> None:
    """By a question, or by the version of the service before, which tell of no part: that is no change of the order."""
    settled = settle(PROCESSING, Capture(FIRST, AMOUNT), NOW)
    assert settled is not None
    assert settled.paid == AMOUNT.minor
    noted = settle(settled, Capture(FIRST, AMOUNT, 500), NOW)
    assert noted is not None
    assert (noted.paid, noted.version) == (500, settled.version)
    assert settle(noted, Capture(FIRST, AMOUNT, 500), NOW) is None
    refunded = refund(settled, Refunded(FIRST, 5, Money(500, "EUR"), 500), NOW)
    assert refunded is not None
    assert refunded.paid == 500


@pytest.mark.parametrize("order", [NEW, PROCESSING], ids=["unknown", "by another"])
def test_capture_settles_an_order_that_knows_nothing_of_its_payment(order: Order) -> None:
    """Its database may have been restored from a backup that was made before."""
    settled = settle(order, Capture(SECOND, AMOUNT, 1200), NOW)
    assert settled
    assert (settled.status, settled.payment_id, settled.paid) == (OrderStatus.SUCCESS, SECOND, 1200)
    with pytest.raises(IllegalTransitionError):
        settle(order, Capture(SECOND, Money(1300, "EUR")), NOW)


def test_order_goes_over_to_another_payment_as_its_next_version() -> None:
    later = LATER
    moved = replace(PROCESSING, payment_id=SECOND, version=3, update_time=later)
    assert hand_over(PROCESSING, SECOND, later) == moved
    assert replace(NEW, status=OrderStatus.PROCESSING, payment_id=FIRST, version=2) == PROCESSING
