"""What each of Stripe's answers means for the money, by real HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mesh.money import Money
from payment_svc.domain.payment import PaymentStatus
from payment_svc.providers.base import (
    CredentialsRefusedError,
    InProgressError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.resilience import Limits, ResilientProvider
from tests.support.net.scripted import Answer, Reply, nobody, scripted
from tests.support.providers import stripe_api as api
from tests.support.providers.stripe_api import HOSTED, PAYMENT, REFUND, adapter, declined, error, intent

Call = Callable[[Provider], Awaitable[object]]
HELD = replace(PAYMENT, status=PaymentStatus.AUTHORIZED)
CALLS: dict[str, Call] = {
    "capture": lambda stripe: stripe.capture(HELD, Money(1200, "EUR"), "key"),
    "cancel": lambda stripe: stripe.cancel(HELD, "key"),
    "expire": lambda stripe: stripe.cancel(HOSTED, "key"),
    "refund": lambda stripe: stripe.refund(PAYMENT, REFUND),
    "fetch": lambda stripe: stripe.fetch(PAYMENT),
}
WRITES = ("capture", "cancel", "expire", "refund")

MEANINGS: dict[str, tuple[Reply, type[ProviderError]]] = {
    # what was certainly not carried out
    "rate limit": (error(429, code="rate_limit"), UnavailableError),
    "lock timeout": (error(429, code="lock_timeout"), UnavailableError),
    "lock timeout as a conflict": (error(409, code="lock_timeout"), UnavailableError),
    "rate limit of old": (error(400, code="rate_limit"), UnavailableError),
    "rate limit of what stands before Stripe": (Answer(429, "<html>"), UnavailableError),
    "no key": (error(401), CredentialsRefusedError),
    "key without the right": (error(403, code="more_permissions_required"), CredentialsRefusedError),
    # what Stripe will not do
    "wrong parameter": (error(400, code="parameter_invalid_integer", param="amount"), RejectedError),
    "state does not allow it": (error(400, code="payment_intent_unexpected_state"), RejectedError),
    "given back before": (error(400, code="charge_already_refunded"), RejectedError),
    "card error": (error(402, **api.DECLINE), RejectedError),
    "not there": (error(404, code="resource_missing"), ObjectNotFoundError),
    # what may have been done
    "same key still running": (error(409, type="idempotency_error", code="idempotency_key_in_use"), InProgressError),
    "another conflict": (error(409), OutcomeUnknownError),
    "key of another request": (error(400, type="idempotency_error"), OutcomeUnknownError),
    "server error": (error(500, type="api_error"), OutcomeUnknownError),
    "server error that is kept": (error(500, {"stripe-should-retry": "false"}, type="api_error"), OutcomeUnknownError),
    "bad gateway": (Answer(502, "<html>"), OutcomeUnknownError),
    "unavailable": (Answer(503, ""), OutcomeUnknownError),
    "gateway time-out": (Answer(504, "<html>"), OutcomeUnknownError),
    "request time-out": (Answer(408, "<html>"), OutcomeUnknownError),
    "external dependency failed": (error(424), OutcomeUnknownError),
    "refusal that Stripe did not write": (Answer(400, "<html>"), OutcomeUnknownError),
    "404 that Stripe did not write": (Answer(404, "<html>"), OutcomeUnknownError),
    "decline that Stripe did not write": (Answer(402, "<html>"), OutcomeUnknownError),
    "redirect": (Answer(302, "", {"location": "https://elsewhere.example/"}), OutcomeUnknownError),
    "error of another shape": (Answer(400, {"error": []}), OutcomeUnknownError),
    "connection cut after sending": ("cut", OutcomeUnknownError),
    "answer that breaks off": ("half", OutcomeUnknownError),
    "answer that is no JSON": (Answer(200, "<html>"), OutcomeUnknownError),
    "answer that is a list": (Answer(200, []), OutcomeUnknownError),
    "answer without a body": (Answer(200), OutcomeUnknownError),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("name", MEANINGS)
async def test_answer_means_one_thing_for_the_money(name: str, operation: str) -> None:
    reply, meaning = MEANINGS[name]
    async with scripted(reply) as server, adapter(server.url) as stripe:
        with pytest.raises(ProviderError) as raised:
            await CALLS[operation](stripe)
    is_unknown = meaning is OutcomeUnknownError
    assert isinstance(raised.value, meaning) if is_unknown else type(raised.value) is meaning


@pytest.mark.parametrize("operation", CALLS)
async def test_connection_that_is_refused_carried_nothing(operation: str) -> None:
    async with adapter(nobody()) as stripe:
        with pytest.raises(UnavailableError, match="could not be reached"):
            await CALLS[operation](stripe)


@pytest.mark.parametrize("reply", ["silence", "drip"])
@pytest.mark.parametrize("operation", CALLS)
async def test_answer_that_does_not_come_in_time_is_unknown(operation: str, reply: Reply) -> None:
    limits = Limits(failures=5, open_seconds=10, max_calls=10, seconds=0.3)
    async with scripted(reply) as server, adapter(server.url) as stripe:
        with pytest.raises(OutcomeUnknownError):
            await CALLS[operation](ResilientProvider(stripe, limits))


@pytest.mark.parametrize("reply", [error(500, type="api_error"), error(409), "cut"])
@pytest.mark.parametrize("operation", WRITES)
async def test_write_is_sent_once_so_that_no_later_answer_hides_the_first(operation: str, reply: Reply) -> None:
    """A 429 to the second request would say nothing about the first one, which may have got through."""
    async with scripted(reply, error(429)) as server, adapter(server.url) as stripe:
        with pytest.raises(OutcomeUnknownError):
            await CALLS[operation](stripe)
        assert len(server.asked) == 1


async def test_charge_without_an_answer_is_asked_once_more_under_the_same_key() -> None:
    async with scripted("cut", Answer(200, intent())) as server, adapter(server.url) as stripe:
        assert (await stripe.start(PAYMENT)).status == PaymentStatus.SUCCESS
        first, second = server.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.form == second.form


@pytest.mark.parametrize("second", [error(429), error(401), "cut", error(500)])
async def test_second_try_that_fails_says_nothing_about_the_first(second: Reply) -> None:
    async with scripted("cut", second) as server, adapter(server.url) as stripe:
        with pytest.raises(OutcomeUnknownError):
            await stripe.start(PAYMENT)


async def test_answer_that_would_only_be_replayed_is_not_asked_for_again() -> None:
    kept = error(500, {"stripe-should-retry": "false"}, type="api_error")
    async with scripted(kept) as server, adapter(server.url) as stripe:
        with pytest.raises(OutcomeUnknownError):
            await stripe.start(PAYMENT)
        assert len(server.asked) == 1


DECLINES = {
    "generic_decline": "card_declined",
    "do_not_honor": "card_declined",
    "fraudulent": "card_declined",
    "lost_card": "card_declined",
    "stolen_card": "card_declined",
    "card_velocity_exceeded": "card_declined",
    "word_that_is_new": "card_declined",
    "insufficient_funds": "insufficient_funds",
    "withdrawal_count_limit_exceeded": "insufficient_funds",
    "expired_card": "expired_card",
    "invalid_expiry_month": "expired_card",
    "invalid_expiry_year": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "invalid_cvc": "incorrect_cvc",
    "processing_error": "processing_error",
    "issuer_not_available": "processing_error",
    "try_again_later": "processing_error",
    "reenter_transaction": "processing_error",
    "approve_with_id": "processing_error",
    "authentication_required": "authentication_failed",
    "authentication_not_handled": "authentication_failed",
    "mobile_device_authentication_required": "authentication_failed",
    "invalid_amount": "amount_not_allowed",
    "currency_not_supported": "amount_not_allowed",
    "incorrect_number": "invalid_payment_method",
    "invalid_number": "invalid_payment_method",
    "invalid_account": "invalid_payment_method",
}
CLOSED = intent("canceled", last_payment_error=api.DECLINE)


@pytest.mark.parametrize(("decline_code", "ours"), DECLINES.items())
async def test_decline_fails_the_payment_once_its_intent_is_closed(decline_code: str, ours: str) -> None:
    closed = intent("canceled", last_payment_error=api.DECLINE | {"decline_code": decline_code})
    replies = declined(decline_code=decline_code), Answer(200, closed)
    async with scripted(*replies) as server, adapter(server.url) as stripe:
        snapshot = await stripe.start(PAYMENT)
        assert [one.path for one in server.asked] == ["/v1/payment_intents", "/v1/payment_intents/pi_1/cancel"]
    assert (snapshot.reference, snapshot.status) == ("pi_1", PaymentStatus.FAILED)
    assert snapshot.failure
    assert (snapshot.failure.code, snapshot.failure.provider_code) == (ours, decline_code)


@pytest.mark.parametrize("problem", ["cut", error(500), error(429), error(400, code="payment_intent_unexpected_state")])
async def test_decline_whose_intent_stays_open_is_not_final(problem: Reply) -> None:
    """It could be paid after all; the next look tries to close it again, as an attempt of its own."""
    replies = (declined(), problem, Answer(200, api.refused()), Answer(200, CLOSED))
    async with scripted(*replies) as server, adapter(server.url) as stripe:
        snapshot = await stripe.start(PAYMENT)
        assert snapshot.status == PaymentStatus.PROCESSING
        assert snapshot.failure
        assert (await stripe.fetch(PAYMENT)).status == PaymentStatus.FAILED
        cancels = [one.headers["idempotency-key"] for one in server.asked if one.path.endswith("/cancel")]
    assert len(set(cancels)) == 2


async def test_challenge_that_was_refused_fails_the_payment_once_its_intent_is_closed() -> None:
    why = {"type": "invalid_request_error", "code": "payment_intent_authentication_failure", "decline_code": None}
    closed = intent("canceled", last_payment_error=api.DECLINE | why)
    async with scripted(Answer(200, api.refused(**why)), Answer(200, closed)) as server, adapter(server.url) as stripe:
        snapshot = await stripe.fetch(PAYMENT)
    assert snapshot.status == PaymentStatus.FAILED
    assert snapshot.failure
    assert snapshot.failure.code == "authentication_failed"


async def test_intent_that_was_paid_before_it_could_be_closed_is_learned_at_the_next_look() -> None:
    replies = (Answer(200, api.refused()), error(400, code="payment_intent_unexpected_state"), Answer(200, intent()))
    async with scripted(*replies) as server, adapter(server.url) as stripe:
        assert (await stripe.fetch(PAYMENT)).status == PaymentStatus.PROCESSING
        assert (await stripe.fetch(PAYMENT)).status == PaymentStatus.SUCCESS


async def test_refusal_on_a_page_is_left_open_for_the_customer() -> None:
    async with scripted(Answer(200, api.session("open", api.refused()))) as server, adapter(server.url) as stripe:
        snapshot = await stripe.fetch(HOSTED)
        assert (snapshot.status, bool(snapshot.failure)) == (PaymentStatus.INITIATED, True)
        assert len(server.asked) == 1


async def test_decline_that_does_not_say_of_which_intent_is_unknown() -> None:
    async with scripted(error(402, **api.DECLINE)) as server, adapter(server.url) as stripe:
        with pytest.raises(OutcomeUnknownError, match="which intent"):
            await stripe.start(PAYMENT)


async def test_request_that_is_refused_outright_made_no_intent() -> None:
    no_such = error(400, code="resource_missing", param="payment_method")
    async with scripted(no_such) as server, adapter(server.url) as stripe:
        with pytest.raises(RejectedError) as refused:
            await stripe.start(PAYMENT)
        assert len(server.asked) == 1
    assert refused.value.failure.code == "invalid_payment_method"


async def test_refusal_that_carries_an_intent_in_another_state_says_that_state() -> None:
    paid = error(400, code="payment_intent_unexpected_state", payment_intent=intent())
    async with scripted(paid) as server, adapter(server.url) as stripe:
        snapshot = await stripe.start(PAYMENT)
    assert (snapshot.status, snapshot.failure) == (PaymentStatus.SUCCESS, None)


@pytest.mark.parametrize("body", [{}, {"decline_code": None}, {"decline_code": 7, "code": 7, "message": None}])
async def test_decline_that_says_little_is_still_a_decline(body: dict[str, object]) -> None:
    told = error(402, **{"type": "card_error", "payment_intent": api.refused()} | body)
    async with scripted(told, Answer(200, CLOSED)) as server, adapter(server.url) as stripe:
        snapshot = await stripe.start(PAYMENT)
    assert snapshot.status == PaymentStatus.FAILED
    assert snapshot.failure
    assert snapshot.failure.code == "card_declined"
