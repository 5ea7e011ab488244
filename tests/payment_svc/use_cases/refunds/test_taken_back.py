"""What a provider or a bank takes back: written down once, and told to the merchant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from mesh.ids import derived_id, made_at
from mesh.money import Money
from mesh.storage.listing import SLACK
from payment_svc.domain.clocks import CLOCK_SKEW
from payment_svc.domain.dispute import Dispute, DisputeSnapshot, DisputeStatus
from payment_svc.domain.operation import OperationStatus
from payment_svc.domain.payment import PaymentStatus, StaleFactError
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.providers.base import ObjectNotFoundError, UnavailableError
from payment_svc.storage.refunds import Sums
from payment_svc.use_cases.taken_back.losses import DENIED, REVERSED
from tests.support.payment_books import EVENT, HOUR, MOMENT, NOW, OWED, PAID, World
from tests.support.providers.paypal_api import PAYMENT

S, R, E = PaymentStatus, RefundStatus, OperationStatus
GONE = replace(OWED, amount=Money(1200, "EUR"), status=R.SUCCESS, reason=REVERSED)


def taken(minor: int | None, status: RefundStatus = R.SUCCESS, reference: str = "re_1", currency: str = "EUR") -> Any:
    return RefundSnapshot(reference, status, None if minor is None else Money(minor, currency))


@pytest.mark.parametrize(
    ("snapshots", "sums", "status", "written", "asked"),
    [
        ([taken(1200)], Sums(0, 0, 0), "APPLIED", [1200], []),
        ([taken(500)], Sums(0, 0, 0), "APPLIED", [500], []),
        ([taken(1)], Sums(1199, 1199, 0), "APPLIED", [1], []),
        ([taken(2)], Sums(1199, 1199, 0), "QUARANTINED", [], [2]),
        ([taken(0)], Sums(0, 0, 0), "QUARANTINED", [], [0]),
        ([taken(-1)], Sums(0, 0, 0), "QUARANTINED", [], [-1]),
        ([taken(5, currency="CHF")], Sums(0, 0, 0), "QUARANTINED", [], [5]),
        ([taken(5, currency="USD")], Sums(0, 0, 0), "QUARANTINED", [], [5]),
        # all that was left is what remains beside what is under way
        ([taken(None)], Sums(500, 200, 0), "APPLIED", [700], []),
        ([taken(None)], Sums(500, 200, 1), "AWAY", [], []),
        ([taken(100)], Sums(500, 200, 1), "APPLIED", [100], []),
        ([taken(100), taken(200, reference="re_2")], Sums(0, 0, 0), "APPLIED", [100, 200], []),
        ([taken(100, reference="known")], Sums(0, 0, 0), "APPLIED", [], []),
        ([taken(100, R.PENDING)], Sums(0, 0, 0), "AWAY", [], []),
        ([taken(100, R.FAILED)], Sums(0, 0, 0), "QUARANTINED", [], []),
        # it may be shown yet
        ([], Sums(0, 0, 0), "ABSENT", [], []),
        (ObjectNotFoundError("none, or another capture's"), Sums(0, 0, 0), "ABSENT", [], []),
    ],
)
async def test_what_was_taken_back_is_written_down_once(
    snapshots: Any, sums: Sums, status: str, written: list[int], asked: list[int]
) -> None:
    world = World(sums=sums)
    world.taken, world.known = snapshots, {"known"}
    provider = cast(Any, type("Provider", (), {"name": "paypal", "reversals": staticmethod(world.reversals_of)}))
    if errors := {"AWAY": UnavailableError, "ABSENT": ObjectNotFoundError}.get(status):
        with pytest.raises(errors):
            await world.reversals.apply_event(provider, EVENT, PAID)
    else:
        assert (await world.reversals.apply_event(provider, EVENT, PAID)).status == status
    assert [one.amount.minor for one in world.inserted] == written
    assert {(one.reason, one.status, one.sends, one.version) for one in world.inserted} <= {
        (REVERSED, R.PENDING, 0, 1), (REVERSED, R.SUCCESS, 0, 1),
    }  # fmt: skip
    assert [about.amount.minor for _, about in world.asked] == asked
    assert all(about.is_once and about.reference == "re_1" for _, about in world.asked)


UNNAMED = replace(EVENT, refund_reference="")
OLD = CLOCK_SKEW + MOMENT


@pytest.mark.parametrize(
    ("snapshots", "sums", "gone", "status", "written"),
    [
        # the merchant gave some back there, and what PayPal took is not shown yet, or never will be
        ([taken(300, reference="known")], Sums(300, 300, 0), [], "ABSENT", []),
        ([taken(300, R.FAILED, reference="known")], Sums(0, 0, 0), [], "ABSENT", []),
        ([taken(300, reference="known"), taken(900)], Sums(300, 300, 0), [], "APPLIED", [900]),
        # all of it is gone, under whichever name
        ([taken(300, reference="known")], Sums(1200, 1200, 0), [], "APPLIED", []),
        ([taken(300, reference="known")], Sums(1200, 1199, 0), [], "ABSENT", []),
        # an earlier try has written it down, and its verdict was lost
        ([taken(300, reference="known")], Sums(300, 300, 0), [("known", timedelta(0))], "APPLIED", []),
        ([taken(300, reference="known")], Sums(300, 300, 0), [("known", CLOCK_SKEW)], "APPLIED", []),
        # that was another time
        ([taken(300, reference="known")], Sums(300, 300, 0), [("known", OLD)], "ABSENT", []),
        ([taken(300, reference="known")], Sums(300, 300, 0), [("re_9", timedelta(0))], "ABSENT", []),
    ],
)
async def test_event_that_names_the_capture_is_not_taken_for_a_refund_that_was_known(
    snapshots: Any, sums: Sums, gone: list[tuple[str, timedelta]], status: str, written: list[int]
) -> None:
    world = World(sums=sums)
    world.taken, world.known = snapshots, {"known"}
    world.gone = [replace(GONE, provider_reference=name, create_time=NOW - age) for name, age in gone]
    provider = cast(Any, type("Provider", (), {"name": "paypal", "reversals": staticmethod(world.reversals_of)}))
    if status == "ABSENT":
        with pytest.raises(ObjectNotFoundError):
            await world.reversals.apply_event(provider, UNNAMED, PAID)
    else:
        assert (await world.reversals.apply_event(provider, UNNAMED, PAID)).status == status
    assert [one.amount.minor for one in world.inserted] == written


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict("QUARANTINED", "odd", PAID),
        Verdict("APPLIED", "", PAYMENT),
        Verdict("APPLIED", "", replace(PAID, status=S.FAILED)),
    ],
)
async def test_nothing_is_taken_back_of_what_was_not_captured(verdict: Verdict) -> None:
    world = World()
    world.verdict, world.taken = verdict, [taken(5)]
    assert await world.reversals.apply_event(cast(Any, None), EVENT, PAID) == verdict
    assert not world.inserted


@pytest.mark.parametrize(("given", "left"), [(0, 1200), (1199, 1), (1200, 0), (1300, 0)])
async def test_what_is_left_of_a_capture_is_never_less_than_nothing(given: int, left: int) -> None:
    world = World(sums=Sums(given, given, 0))
    assert await world.losses.left(cast(Any, world), PAID) == Money(left, "EUR")


# disputes

SAID = DisputeSnapshot("dp", "", Money(1200, "EUR"), DisputeStatus.NEEDS_RESPONSE, "fraud", NOW + HOUR, create_time=NOW)
DISPUTE_ID = derived_id(NOW, "paypal", "", "dp")
KNOWN = Dispute(
    DISPUTE_ID, PAID.payment_id, PAID.merchant_id, PAID.order_id, "paypal", "dp", Money(1200, "EUR"),
    DisputeStatus.NEEDS_RESPONSE, "fraud", NOW + HOUR, 1, NOW, NOW,
)  # fmt: skip


@pytest.mark.parametrize("status", DisputeStatus)
async def test_merchants_hear_of_the_opening_first(status: DisputeStatus) -> None:
    world = World()
    said = replace(SAID, status=status)
    dispute = await world.disputes.apply_snapshot("paypal", PAID, said, 0)
    decided = status in {DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.CLOSED}
    opened = replace(KNOWN, status=DisputeStatus.UNDER_REVIEW if decided else status)
    assert world.inserted == [opened]
    assert dispute == (replace(opened, status=status, version=2) if decided else opened)
    assert world.changed == ([dispute] if decided else [])
    assert len(world.events) == (2 if decided else 1)


async def test_dispute_that_is_known_changes_or_stays() -> None:
    world = World()
    world.locked = [KNOWN, KNOWN]
    # what agrees with what is known is no news, whenever it was seen
    assert await world.disputes.apply_snapshot("paypal", PAID, SAID, 0) == KNOWN
    lost = await world.disputes.apply_snapshot("paypal", PAID, replace(SAID, status=DisputeStatus.LOST), 1)
    assert (lost.status, lost.version, world.changed, len(world.events)) == (DisputeStatus.LOST, 2, [lost], 1)
    assert not world.inserted


@pytest.mark.parametrize(("seen", "known"), [(0, 1), (1, 2), (2, 1)])
async def test_look_that_is_older_than_what_is_known_moves_no_dispute(seen: int, known: int) -> None:
    """A dispute that is closed may be taken up again: only when it was looked at tells that it was not."""
    world = World()
    world.locked = [replace(KNOWN, status=DisputeStatus.CLOSED, version=known)]
    with pytest.raises(StaleFactError):
        await world.disputes.apply_snapshot("paypal", PAID, replace(SAID, status=DisputeStatus.UNDER_REVIEW), seen)
    assert (world.changed, world.events, world.inserted) == ([], [], [])


async def test_dispute_that_somebody_else_opens_at_this_moment_is_theirs() -> None:
    world = World()
    theirs = replace(KNOWN, reason="theirs", status=DisputeStatus.UNDER_REVIEW)
    world.accepts, world.locked = False, [None, theirs, None, theirs]
    said = replace(SAID, reason="theirs", status=DisputeStatus.UNDER_REVIEW)
    assert await world.disputes.apply_snapshot("paypal", PAID, said, 0) == theirs
    with pytest.raises(StaleFactError):
        await world.disputes.apply_snapshot("paypal", PAID, replace(said, status=DisputeStatus.NEEDS_RESPONSE), 0)
    assert (world.changed, world.events, world.inserted) == ([], [], [])


LOST = replace(KNOWN, status=DisputeStatus.LOST)


async def test_dispute_that_is_won_puts_what_was_taken_back_to_a_person() -> None:
    world = World()
    world.locked, world.gone = [LOST, LOST, replace(KNOWN, status=DisputeStatus.WON)], [GONE]
    await world.disputes.apply_snapshot("paypal", PAID, replace(SAID, status=DisputeStatus.LOST, reason="new"), 1)
    assert not world.asked
    await world.disputes.apply_snapshot("paypal", PAID, replace(SAID, status=DisputeStatus.WON), 1)
    assert cast(Any, world.asked) == [GONE]
    # what is still won was asked about
    await world.disputes.apply_snapshot("paypal", PAID, replace(SAID, status=DisputeStatus.WON, reason="new"), 1)
    assert len(world.changed) == 3
    assert cast(Any, world.asked) == [GONE]


@pytest.mark.parametrize(
    ("change", "is_asked"),
    [
        ({"amount": Money(1, "EUR")}, True),
        # all of a capture was written off for a part of it
        ({"amount": Money(1201, "EUR")}, True),
        ({"reason": DENIED}, False),
        ({"create_time": NOW - SLACK}, True),
        ({"create_time": NOW - SLACK - MOMENT}, False),
    ],
)
async def test_dispute_that_is_won_asks_of_nothing_that_was_taken_for_another(change: Any, is_asked: bool) -> None:
    world = World()
    gone = replace(GONE, **change)
    world.locked, world.gone = [LOST], [gone]
    await world.disputes.apply_snapshot("paypal", PAID, replace(SAID, status=DisputeStatus.WON), 1)
    assert cast(Any, world.asked) == ([gone] if is_asked else [])


async def test_dispute_that_is_found_anew_is_the_same_one() -> None:
    """A restore may lose it: others know of its id."""
    shown = (SAID, SAID, replace(SAID, reference="dp2"), replace(SAID, create_time=None))
    ids = [(await World().disputes.apply_snapshot("paypal", PAID, said, 0)).dispute_id for said in shown]
    assert ids[0] == ids[1] == DISPUTE_ID
    assert len(set(ids)) == 3
    assert [made_at(one) for one in ids] == [NOW, NOW, NOW, PAID.create_time]
    assert {(one.version, one.variant) for one in ids} == {(7, DISPUTE_ID.variant)}


@pytest.mark.parametrize(
    ("opened", "stored"),
    [
        (NOW - HOUR, NOW - HOUR),
        (None, PAID.create_time),
        # its provider's clock is ahead of ours
        (NOW + SLACK, NOW),
        (NOW + HOUR, NOW),
    ],
)
async def test_dispute_is_of_the_time_that_it_was_opened_and_its_id_says_so(opened: Any, stored: Any) -> None:
    dispute = await World().disputes.apply_snapshot("paypal", PAID, replace(SAID, create_time=opened), 0)
    assert (dispute.create_time, dispute.update_time) == (stored, NOW)
    assert abs(made_at(dispute.dispute_id) - stored) <= SLACK
