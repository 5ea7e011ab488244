"""What an event of a provider is about, who applies it, and what of it is not believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.payment import (
    AmountMismatchError,
    Fact,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    StaleFactError,
)
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import (
    CredentialsRefusedError,
    Loss,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderEvent,
    RejectedError,
    UnavailableError,
)
from payment_svc.use_cases.event_application import FOREIGN
from payment_svc.use_cases.taken_back.elsewhere import SHOWN_WITHIN
from tests.support.payment_events import EVENT, FIRST, NOW, OTHER, PAID, SECOND, STORED, WORKED_ON, S, World, only
from tests.support.providers.paypal_api import PAYMENT


@pytest.mark.parametrize(
    ("event", "payment", "status", "about"),
    [
        (EVENT, WORKED_ON, "APPLIED", "payment"),
        (only({"loss": Loss.REVERSED}), PAID, "APPLIED", "reversal"),
        (only({"loss": Loss.REVERSED, "refund_reference": "re"}), PAID, "APPLIED", "reversal"),
        (only({"refund_reference": "re"}), PAID, "APPLIED", "refund"),
        (only({"loss": Loss.DENIED}), PAID, "APPLIED", "payment"),
        (EVENT, None, "QUARANTINED", ""),
        (only({"payment_id": ""}), None, "IGNORED", ""),
        # of another account's payment it is not believed
        (EVENT, replace(WORKED_ON, attempts=(replace(SECOND, account_id=OTHER),)), "QUARANTINED", ""),
        (EVENT, replace(WORKED_ON, attempts=(replace(SECOND, provider="stripe"),)), "QUARANTINED", ""),
        (only({"dispute_reference": "d"}), None, "IGNORED", "dispute"),
        (only({"dispute_reference": "d"}), WORKED_ON, "APPLIED", "dispute"),
        (
            only({"dispute_reference": "d"}),
            replace(WORKED_ON, attempts=(replace(SECOND, account_id=OTHER),)), "QUARANTINED", "dispute",
        ),
    ],
)  # fmt: skip
async def test_event_is_applied_to_what_it_is_about(
    event: ProviderEvent, payment: Payment | None, status: str, about: str
) -> None:
    world = World(payment, event)
    verdict = await world.application.apply(STORED)
    assert verdict.status == status
    assert (verdict.payment is None) is (status != "APPLIED")
    kinds = {"payment": ("fetch", "O2"), "dispute": ("dispute", "d")}
    if about in kinds:
        assert kinds[about] in world.does
    else:
        assert world.does[1:] == ([about] if about else [])


async def test_refund_that_is_not_known_is_looked_for_at_its_provider() -> None:
    world = World(PAID, only({"refund_reference": "re"}))
    world.unknown = {"refund"}
    assert await world.application.apply(STORED) == Verdict("APPLIED", "elsewhere", PAID)
    assert world.does[1:] == ["refund", "elsewhere"]


NOT_SHOWN = [
    (ObjectNotFoundError("<b>gone</b>"), "the provider knows no such object"),
    (RejectedError(Failure("provider_rejected", "<b>no</b>")), "the provider refuses to show its object"),
]


@pytest.mark.parametrize(
    ("event", "is_ours"),
    [
        (EVENT, True),
        (only({"refund_reference": "re"}), True),
        (only({"loss": Loss.REVERSED}), True),
        (only({"refund_reference": "re", "payment_id": ""}), False),
        (only({"dispute_reference": "d"}), False),
        (only({"object_type": "charge"}), False),
    ],
)
@pytest.mark.parametrize(("error", "words"), NOT_SHOWN)
async def test_event_of_an_object_that_is_not_shown_is_not_believed(
    event: ProviderEvent, is_ours: bool, error: Exception, words: str
) -> None:
    """Nobody could apply it ever, and it says so in our words: theirs stand in no payment's timeline."""
    world = World(event=event)
    world.asked_for = error
    stored = replace(STORED, receive_time=NOW - SHOWN_WITHIN)
    assert await world.application.apply(stored) == Verdict("QUARANTINED", words, WORKED_ON if is_ours else None)


@pytest.mark.parametrize("error", [CredentialsRefusedError("no"), UnavailableError("away"), OutcomeUnknownError("?")])
async def test_event_of_an_account_that_cannot_be_asked_says_nothing_yet(error: Exception) -> None:
    for event in (EVENT, only({"dispute_reference": "d"}), only({"refund_reference": "re"})):
        world = World(event=event)
        world.asked_for = error
        with pytest.raises(type(error)):
            await world.application.apply(STORED)


@pytest.mark.parametrize(
    "changes",
    [{}, {"dispute_reference": "d"}, {"refund_reference": "re"}, {"loss": Loss.REVERSED}, {"object_type": "charge"}],
)
async def test_object_may_show_a_moment_later_than_its_event(changes: dict[str, Any]) -> None:
    """Of many nothing else would ever tell."""
    world = World(event=only(changes))
    world.asked_for = ObjectNotFoundError("not yet")
    moment = timedelta(microseconds=1)
    with pytest.raises(UnavailableError, match="yet"):
        await world.application.apply(replace(STORED, receive_time=NOW - SHOWN_WITHIN + moment))


@pytest.mark.parametrize("stale", range(4))
async def test_dispute_that_changes_while_it_is_looked_at_is_looked_at_again(stale: int) -> None:
    """Its version is noted before each look; what changes at every look comes again later."""
    world = World(event=only({"dispute_reference": "d"}))
    world.stale = stale
    looks = ["notes", ("dispute", "d")]
    if stale == 3:
        with pytest.raises(ApiError) as busy:
            await world.application.apply(STORED)
        assert (busy.value.reason, world.does) == ("PAYMENT_BUSY", looks * 3)
        return
    assert (await world.application.apply(STORED)).status == "APPLIED"
    assert world.does == [*looks * (stale + 1), ("applies", "paypal", WORKED_ON)]


async def test_payment_is_found_by_its_reference_where_the_event_does_not_name_it() -> None:
    world = World(event=only({"payment_id": ""}))
    world.found_by_reference = WORKED_ON.payment_id
    assert (await world.application.apply(STORED)).status == "APPLIED"


@pytest.mark.parametrize(("owner", "status"), [(str(PAYMENT.payment_id), "APPLIED"), ("", "IGNORED")])
async def test_payment_of_a_refund_is_asked_for(owner: str, status: str) -> None:
    world = World(event=only({"payment_id": "", "refund_reference": "re"}))
    world.owner = owner
    assert (await world.application.apply(STORED)).status == status


SEEN = replace(
    PAID, provider_reference="review:1", attempts=(FIRST, replace(SECOND, provider_reference="review:1"))
)  # fmt: skip


@pytest.mark.parametrize(
    ("event", "outcome", "is_echo"),
    [
        (EVENT, PAID, True),
        (only({"reference": "other"}), PAID, False),
        (EVENT, SEEN, False),
        (EVENT, WORKED_ON, False),
        (EVENT, None, False),
        (only({"payment_id": ""}), PAID, False),
        (only({"object_type": "charge"}), PAID, False),
        (only({"refund_reference": "re"}), PAID, False),
        (only({"loss": Loss.DENIED}), PAID, False),
        (only({"loss": Loss.REVERSED}), PAID, False),
        # of an attempt before, whose object may hold money
        (EVENT, replace(PAID, attempts=(replace(SECOND, number=1), replace(FIRST, number=2))), False),
        (EVENT, replace(PAID, attempts=(replace(FIRST, number=1), replace(FIRST, number=2))), False),
    ],
)
async def test_echo_of_what_was_just_done_asks_nobody(event: ProviderEvent, outcome: object, is_echo: bool) -> None:
    world = World(event=event)
    world.outcome = outcome
    verdict = await world.application.echoed(cast(Any, world), event, STORED)
    assert (verdict is not None) is is_echo
    assert world.does == []


async def test_what_was_waited_for_may_have_ended_the_payment() -> None:
    """It is read again, unless it had ended before: then nothing moves it but a loss."""
    world = World()
    world.payment = PAID
    assert await world.application._again(WORKED_ON) == PAID
    world.payment = WORKED_ON
    assert await world.application._again(PAID) == PAID
    world.payment = None
    assert await world.application._again(WORKED_ON) == WORKED_ON


async def test_events_that_say_the_same_share_one_look() -> None:
    world = World()
    events = [replace(EVENT, event_id=f"e{number}", create_time=NOW + timedelta(number)) for number in range(3)]
    provider, other = cast(Any, world), only({"type": "other"})
    verdicts = await asyncio.gather(
        *(world.application._in_turn(provider, one, WORKED_ON) for one in (*events, other))
    )  # fmt: skip
    assert {one.status for one in verdicts} == {"APPLIED"}
    assert world.does.count("holds") == 2
    assert not world.application._waiting


async def test_who_shares_a_look_that_fails_tries_again() -> None:
    world = World()
    world.error = ValueError("odd")
    both = [world.application._in_turn(cast(Any, world), EVENT, WORKED_ON) for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(one) for one in ended] == [ValueError, ValueError]
    assert not world.application._waiting


# what an object shows


async def applied(world: World, payment: Payment, event: ProviderEvent = EVENT) -> Verdict:
    world.payment = payment
    return await world.payments.apply_event(cast(Any, world), event, payment)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StaleFactError("moved on"), None),
        (AmountMismatchError("odd", Received(2, "paypal", "O2", Money(1, "EUR"), False)), "QUARANTINED"),
        (ForeignObjectError("odd", Snapshot("O9", S.SUCCESS, Money(1200, "EUR"))), "QUARANTINED"),
    ],
)
async def test_look_that_fails_is_told_by_what_it_means(error: Exception, status: str | None) -> None:
    world = World()
    world.error = error
    if status is None:
        with pytest.raises(ApiError) as busy:
            await applied(world, WORKED_ON)
        assert busy.value.reason == "PAYMENT_BUSY"
        return
    verdict = await applied(world, WORKED_ON)
    assert (verdict.status, verdict.payment) == (status, WORKED_ON)
    asked = [one for one in world.does if isinstance(one, tuple) and isinstance(one[0], ReviewKind)]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("payment", "event", "number"),
    [
        (WORKED_ON, EVENT, 2),
        (replace(WORKED_ON, attempts=(FIRST, replace(SECOND, number=3))), EVENT, 3),
        (replace(WORKED_ON, attempts=(replace(FIRST, provider="paypal"), SECOND)), only({"reference": "pi_1"}), 1),
    ],
)
async def test_fact_is_of_the_attempt_that_the_object_belongs_to(
    payment: Payment, event: ProviderEvent, number: int
) -> None:
    world = World()
    assert (await applied(world, payment, event)).status == "APPLIED"
    (fact,) = [one for one in world.does if isinstance(one, Fact)]
    assert (fact.attempt, fact.seen) == (number, payment.version)


OTHER_OBJECT = only({"reference": "other"})


@pytest.mark.parametrize("payment", [WORKED_ON, PAID])
@pytest.mark.parametrize(
    ("shown", "event", "is_hosted", "names_money", "asked"),
    [
        (S.SUCCESS, OTHER_OBJECT, False, True, True),
        (S.AUTHORIZED, OTHER_OBJECT, False, False, True),
        (S.SUCCESS, OTHER_OBJECT, True, False, True),
        (S.PROCESSING, OTHER_OBJECT, False, False, False),
        # what was paid on a page has a name of its own
        (S.SUCCESS, OTHER_OBJECT, True, True, False),
        (S.SUCCESS, only({"reference": ""}), False, False, False),
        (S.SUCCESS, only({"reference": "other", "loss": Loss.DENIED}), False, False, False),
        (S.SUCCESS, only({"reference": "other", "refund_reference": "re"}), False, False, False),
    ],
)
async def test_money_on_an_object_of_no_attempt_is_asked_about(
    payment: Payment, shown: PaymentStatus, event: ProviderEvent, is_hosted: bool, names_money: bool, asked: bool
) -> None:
    world = World()
    world.capabilities = replace(world.capabilities, names_money=names_money)
    world.shown = Snapshot("O2", shown, Money(1200, "EUR"))
    verdict = await applied(world, replace(payment, payment_method="" if is_hosted else "pm"), event)
    kinds = [one[0] for one in world.does if isinstance(one, tuple) and isinstance(one[0], ReviewKind)]
    assert (ReviewKind.FOREIGN_CAPTURE in kinds) is asked
    if asked:
        assert (verdict.status, world.does[0]) == ("QUARANTINED", ("fetch", "other"))


@pytest.mark.parametrize(
    ("shown", "given", "status", "left"),
    [
        (S.SUCCESS, 0, "APPLIED", None),
        (S.FAILED, 0, "QUARANTINED", 1200),
        (S.PROCESSING, 1199, "QUARANTINED", 1),
        (S.CANCELLED, 1200, "APPLIED", None),
        (S.CANCELLED, 1300, "APPLIED", None),
    ],
)
async def test_person_is_asked_about_a_capture_that_is_gone(
    shown: PaymentStatus, given: int, status: str, left: int | None
) -> None:
    world = World()
    world.shown, world.given = Snapshot("O2", shown), given
    verdict = await applied(world, PAID, only({"loss": Loss.DENIED}))
    assert verdict.status == status
    asked = [one for one in world.does if isinstance(one, tuple) and one[0] == ReviewKind.AMOUNT_DIFFERS]
    assert asked == ([] if left is None else [(ReviewKind.AMOUNT_DIFFERS, About(Money(left, "EUR")))])
    assert any(isinstance(one, Fact) for one in world.does) is (shown == S.SUCCESS)


NAMELESS = replace(WORKED_ON, provider_reference="", attempts=(FIRST, replace(SECOND, provider_reference="")))
HOSTED = replace(NAMELESS, payment_method="")
LEFT = replace(
    HOSTED, provider="stripe", provider_reference="pi_1",
    attempts=(replace(SECOND, number=1, provider_reference=""), replace(FIRST, number=2)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("payment", "page", "reference"),
    [
        # what only a person has seen
        (SEEN, None, "O2"),
        (replace(SEEN, payment_method=""), Snapshot("page", S.INITIATED), "page"),
        (replace(SEEN, payment_method=""), None, "O2"),
        (NAMELESS, None, "O2"),
        (HOSTED, None, ""),
        (LEFT, Snapshot("page", S.INITIATED), "page"),
        (LEFT, None, "O2"),
    ],
)
async def test_object_without_a_name_is_asked_for_by_what_the_event_points_at(
    payment: Payment, page: Snapshot | None, reference: str
) -> None:
    world = World()
    world.page = page
    assert (await applied(world, payment)).status == "APPLIED"
    (fact,) = [one for one in world.does if isinstance(one, Fact)]
    assert world.does[0] == ("fetch", "O2")
    assert fact.snapshot.reference == reference


async def test_event_of_a_payment_that_is_being_started_comes_later() -> None:
    world = World()
    world.free = False
    with pytest.raises(ApiError) as busy:
        await applied(world, NAMELESS)
    assert (busy.value.reason, world.does) == ("PAYMENT_BUSY", [])


async def test_event_of_another_account_moves_nothing() -> None:
    world = World()
    world.account_id = OTHER
    verdict = await applied(world, WORKED_ON)
    assert (verdict, world.does) == (Verdict("QUARANTINED", FOREIGN), [])
