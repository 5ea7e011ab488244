"""Every answer to every question ends it for good, or is refused and nothing is stored; then all books agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fusionx.payment.v1 import payment_pb2

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.refund import RefundStatus
from payment_svc.domain.review import ANSWERS, Resolution, Subject
from tests.simulation.adapter import Trip
from tests.simulation.book import State
from tests.simulation.schedule import Runner
from tests.simulation.staged import questions
from tests.simulation.staged.questions import Asked
from tests.simulation.staged.scene import DAY, Scene, stage

CAPTURED, NOT_CAPTURED, GIVE_BACK = Resolution.CAPTURED, Resolution.NOT_CAPTURED, Resolution.GIVE_BACK
NO_ANSWER, DISAGREES = "INVALID_ARGUMENT", "PROVIDER_DISAGREES"


@dataclass(frozen=True)
class Case:
    """A question, which answers to it are refused, the one that is taken, and what stands in the end."""

    subject: Subject
    put: Callable[[Scene], Any]
    answer: Resolution | None
    payment: str
    order: str
    kept: int
    """Minor units that the merchant has of it, by the provider's ledger."""
    refunds: list[tuple[str, int]] = field(default_factory=list)
    refused: Mapping[Resolution, str] = field(default_factory=dict)
    """Beside those that the question does not take at all."""
    is_back: bool = False
    """Whether the provider is back when the person answers, rather than afterwards."""
    then: tuple[str, ...] = ()
    """What is asked instead."""
    kept_aside: int = 0
    """Minor units that a person left with the provider, and no book of ours counts."""


S = Subject
EUR4 = Money(400, "EUR")
CASES = {
    "capture, done": Case(
        S.OUTCOME, questions.unanswered_capture(done=True), CAPTURED, "SUCCESS", "SUCCESS", 500
    ),
    "capture, done, back": Case(
        S.OUTCOME, questions.unanswered_capture(done=True), CAPTURED, "SUCCESS", "SUCCESS", 500,
        refused={NOT_CAPTURED: DISAGREES}, is_back=True,
    ),
    "capture, done, returned": Case(
        S.OUTCOME, questions.unanswered_capture(done=True), GIVE_BACK, "SUCCESS", "REFUNDED", 0, [("SUCCESS", 500)]
    ),
    "capture, done, denied by mistake": Case(
        S.OUTCOME, questions.unanswered_capture(done=True), NOT_CAPTURED, "SUCCESS", "SUCCESS", 500
    ),
    "capture, not done": Case(
        S.OUTCOME, questions.unanswered_capture(done=False), NOT_CAPTURED, "AUTHORIZED", "PROCESSING", 0
    ),
    "capture, not done, back": Case(
        S.OUTCOME, questions.unanswered_capture(done=False), NOT_CAPTURED, "AUTHORIZED", "PROCESSING", 0,
        refused={CAPTURED: DISAGREES, GIVE_BACK: DISAGREES}, is_back=True,
    ),
    "charge, done": Case(S.OUTCOME, questions.unanswered_charge(done=True), CAPTURED, "SUCCESS", "SUCCESS", 1200),
    "charge, done, returned": Case(
        # nothing names what it is to be given back of
        S.OUTCOME, questions.unanswered_charge(done=True), GIVE_BACK, "SUCCESS", "SUCCESS", 1200,
        [("NEEDS_REVIEW", 1200)], then=("UNKNOWN_REFUND",),
    ),
    "charge, not done": Case(S.OUTCOME, questions.unanswered_charge(done=False), NOT_CAPTURED, "FAILED", "EXPIRED", 0),
    "hold, not done": Case(
        S.OUTCOME, questions.unanswered_charge(done=False, manual=True), NOT_CAPTURED, "FAILED", "EXPIRED", 0,
        refused={CAPTURED: "AMOUNT_NOT_KNOWN", GIVE_BACK: "AMOUNT_NOT_KNOWN"},
    ),
    "refund, made": Case(
        S.REFUND_OUTCOME, questions.unanswered_refund(done=True), CAPTURED, "SUCCESS", "PARTIALLY_REFUNDED", 700,
        [("SUCCESS", 500)],
    ),
    "refund, made, back": Case(
        S.REFUND_OUTCOME, questions.unanswered_refund(done=True), CAPTURED, "SUCCESS", "PARTIALLY_REFUNDED", 700,
        [("SUCCESS", 500)], refused={NOT_CAPTURED: DISAGREES}, is_back=True,
    ),
    "refund, not made": Case(
        S.REFUND_OUTCOME, questions.unanswered_refund(done=False), NOT_CAPTURED, "SUCCESS", "SUCCESS", 1200,
        [("FAILED", 500)],
    ),
    "refund of 4.00": Case(
        S.REFUND_AMOUNT, questions.refund_of(EUR4), CAPTURED, "SUCCESS", "SUCCESS", 800, [("PENDING", 400)],
        refused={NOT_CAPTURED: DISAGREES},
    ),
    "refund of 4.00, made": Case(
        S.REFUND_AMOUNT, questions.refund_of(EUR4, RefundStatus.SUCCESS), CAPTURED, "SUCCESS", "PARTIALLY_REFUNDED",
        800, [("SUCCESS", 400)], refused={NOT_CAPTURED: DISAGREES},
    ),
    "refund of 4.00, away": Case(
        S.REFUND_AMOUNT, questions.refund_of(EUR4), None, "SUCCESS", "SUCCESS", 800, [("PENDING", 500)],
        refused={NOT_CAPTURED: "PROVIDER_UNAVAILABLE"}, is_back=True, then=("AMOUNT_DIFFERS",), kept_aside=100,
    ),
    "refund of 4 dollars": Case(
        S.REFUND_AMOUNT, questions.refund_of(Money(400, "USD")), NOT_CAPTURED, "SUCCESS", "SUCCESS", 800,
        [("FAILED", 500)], refused={CAPTURED: DISAGREES}, kept_aside=-400,
    ),
    "money, captured": Case(
        S.MONEY, questions.other_money(State.CAPTURED), GIVE_BACK, "FAILED", "EXPIRED", 0, [("SUCCESS", 1100)]
    ),
    "money, captured, left": Case(
        S.MONEY, questions.other_money(State.CAPTURED), NOT_CAPTURED, "FAILED", "EXPIRED", 1100, kept_aside=1100
    ),
    "money, held": Case(S.MONEY, questions.other_money(State.HELD), GIVE_BACK, "FAILED", "EXPIRED", 0),
    "excess": Case(
        S.EXCESS, questions.excess, NOT_CAPTURED, "SUCCESS", "REFUNDED", -1200,
        [("SUCCESS", 1200), ("SUCCESS", 1200)], kept_aside=-1200,
    ),
    "gone": Case(
        S.GONE, questions.gone(), NOT_CAPTURED, "SUCCESS", "REFUNDED", 0, [("SUCCESS", 1200)],
        refused={CAPTURED: DISAGREES},
    ),
    "gone, restored": Case(
        S.GONE, questions.gone(restored=True), CAPTURED, "SUCCESS", "SUCCESS", 1200, refused={NOT_CAPTURED: DISAGREES}
    ),
    "taken": Case(S.TAKEN, questions.taken, NOT_CAPTURED, "SUCCESS", "REFUNDED", 0, [("SUCCESS", 1200)]),
    "foreign": Case(
        S.FOREIGN, questions.foreign, NOT_CAPTURED, "NEEDS_REVIEW", "PROCESSING", 0, then=("UNKNOWN_OUTCOME",)
    ),
    "surplus": Case(S.SURPLUS, questions.surplus, GIVE_BACK, "SUCCESS", "SUCCESS", 0,
                    [("FAILED", 1200), ("SUCCESS", 1200)]),
    "surplus, left": Case(S.SURPLUS, questions.surplus, NOT_CAPTURED, "SUCCESS", "SUCCESS", 1200, [("FAILED", 1200)]),
}  # fmt: skip

OF_DISPUTES = {S.CAME_BACK}
"""What is asked of disputes, which are not simulated: tests/e2e/providers/test_paypal_losses.py."""


@pytest.mark.parametrize("name", CASES)
def test_an_answer_ends_its_question_and_the_books_agree(runner: Runner, name: str) -> None:
    case = CASES[name]

    async def play(scene: Scene) -> None:
        asked: Asked = await case.put(scene)
        if case.is_back:
            asked.back()
        (before,) = _open(scene)
        for answer, reason in {**_refused(case.subject), **case.refused}.items():
            with pytest.raises(ApiError) as refusal:
                await scene.answer(answer)
            assert (refusal.value.reason, _open(scene)) == (reason, [before]), answer
        if case.answer:
            await scene.answer(case.answer)
        if not case.is_back and case.subject != S.REFUND_AMOUNT:
            asked.back()
        await _tell_again(scene, asked)
        await asyncio.sleep(DAY + 4 * 3600)
        assert scene.reviews() == list(case.then)
        assert (scene.refunds(), asked.thing.kept) == (case.refunds, case.kept)
        assert _books(scene, asked) == (case.payment, case.order, case.kept - case.kept_aside)

    stage(runner, play)


@pytest.mark.parametrize("state", [State.ACTION, State.HELD])
def test_closing_of_what_a_person_has_ended_is_done_when_its_provider_has_closed_it(
    runner: Runner, state: State
) -> None:
    """The payment is FAILED before; whether its object was closed that does not tell."""

    async def play(scene: Scene) -> None:
        payment = await scene.pay(token="pm_slow", manual=True)
        thing, book = scene.thing(payment), scene.world.services["stripe"].book
        shown = dict(book.things)
        book.things.clear()
        await asyncio.sleep(DAY + 4 * 3600)
        book.things.update(shown)
        scene.trip("cancel", lambda: Trip(is_lost=True, is_cut=True), 2)
        scene.trip("fetch", lambda: Trip(is_lost=True, is_cut=True), 1)
        await scene.answer(NOT_CAPTURED)
        thing.state = state
        await asyncio.sleep(DAY)
        assert thing.state == State.CLOSED
        assert (await scene.shop._get(payment.payment_id)).status == payment_pb2.Payment.FAILED
        rows = scene.world.stores["payments"].rows(
            "SELECT * FROM operations WHERE kind = 'CANCEL' ORDER BY create_time"
        )
        assert [one.status for one in rows] == ["DONE"]

    stage(runner, play)


def test_every_answer_to_every_question_is_tried() -> None:
    tried = {(case.subject, answer) for case in CASES.values() for answer in (case.answer, *case.refused)}
    declared = {(subject, answer) for subject in Subject for answer in Resolution}
    assert declared == {(subject, answer) for subject, answers in ANSWERS.items() for answer in answers}
    refused = {(subject, answer) for subject in Subject for answer in _refused(subject)}
    assert {one for one in declared - refused if one[0] not in OF_DISPUTES} <= tried


def _refused(subject: Subject) -> dict[Resolution, str]:
    return {answer: NO_ANSWER for answer, effect in ANSWERS[subject].items() if not isinstance(effect, str)}


def _open(scene: Scene) -> list[Any]:
    return scene.world.stores["payments"].rows("SELECT * FROM reviews WHERE resolve_time IS NULL")


async def _tell_again(scene: Scene, asked: Asked) -> None:
    """Have everything told once more: what was answered is no question any more."""
    name = asked.payment.provider
    await asyncio.sleep(60)
    kind = "denied" if asked.thing.state == State.FAILED else "reversed" if asked.thing.shown_as_reversed else "settled"
    if asked.thing.reference in scene.world.services[name].book.things:
        scene.world._notify(name, asked.thing, kind, "")
        for refund_id in asked.thing.refunds:
            scene.world._notify(name, asked.thing, "refund_ended", refund_id)


def _books(scene: Scene, asked: Asked) -> tuple[str, str, int]:
    """Return how the payment and its order stand, and what the merchant has of it, which both have to say alike."""
    (payment,) = scene.world.stores["payments"].rows(
        f"SELECT * FROM payments WHERE payment_id = '{asked.payment.payment_id}'"
    )
    (order,) = scene.world.stores["orders"].rows("SELECT * FROM orders")
    under_way = sum(amount for status, amount in scene.refunds() if status == "PENDING")
    net: int = payment.captured_minor - payment.refunded_minor - under_way
    if order.payment_id == payment.payment_id and payment.status == "SUCCESS":
        paid = order.amount_minor if order.captured_minor is None else order.captured_minor
        assert (paid, order.refunded_minor) == (payment.captured_minor, payment.refunded_minor)
    return payment.status, order.status, net
