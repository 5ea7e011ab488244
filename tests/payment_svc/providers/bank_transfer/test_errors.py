"""What each of the bank's answers means for the money, by real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from payment_svc.providers.bank_transfer.adapter import BankTransferProvider
from payment_svc.providers.base import (
    CredentialsRefusedError,
    InProgressError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    RejectedError,
    UnavailableError,
    UnreadableAnswerError,
)
from payment_svc.providers.resilience import Limits, ResilientProvider
from tests.support.net.scripted import Answer, Reply, Scripted, nobody, scripted
from tests.support.providers import stripe_api

PAYMENT = replace(stripe_api.PAYMENT, provider="bank_transfer", provider_reference="btr_1", payment_method="")
REFUND = stripe_api.REFUND
Call = Callable[[Provider], Awaitable[object]]
CALLS: dict[str, Call] = {
    "announce": lambda bank: bank.start(PAYMENT),
    "cancel": lambda bank: bank.cancel(PAYMENT, "key"),
    "refund": lambda bank: bank.refund(PAYMENT, REFUND),
    "fetch": lambda bank: bank.fetch(PAYMENT),
}
WRITES = ("cancel", "refund")


@asynccontextmanager
async def bank_at(*replies: Reply) -> AsyncIterator[tuple[Scripted, BankTransferProvider]]:
    """Our adapter before a server that gives these replies."""
    async with scripted(*replies) as server:
        bank = _adapter(server.url)
        try:
            yield server, bank
        finally:
            await bank.close()


def _adapter(url: str) -> BankTransferProvider:
    return BankTransferProvider("key", url, ["secret"], ["token secret"], timeout=5)


def said(status: int, code: str) -> Answer:
    """An error of the bank's."""
    return Answer(status, {"error": {"code": code, "message": "no", "field": None}})


MEANINGS: dict[str, tuple[Reply, type[ProviderError]]] = {
    # what was certainly not carried out
    "rate limit": (said(429, "rate_limited"), UnavailableError),
    "no key": (said(401, "unauthorized"), CredentialsRefusedError),
    "key without the right": (said(403, "forbidden"), CredentialsRefusedError),
    # what the bank will not do
    "wrong request": (said(400, "invalid_request"), RejectedError),
    "refund too large": (said(422, "refund_too_large"), RejectedError),
    "wrong state": (said(422, "invalid_state"), RejectedError),
    "not there": (said(404, "not_found"), ObjectNotFoundError),
    # what may have been done
    "same key still running": (said(409, "idempotency_key_in_use"), InProgressError),
    "another conflict": (said(409, "conflict"), OutcomeUnknownError),
    "key of another request": (said(422, "idempotency_key_reused"), OutcomeUnknownError),
    "server error": (said(500, "internal_error"), OutcomeUnknownError),
    "bad gateway": (Answer(502, "<html>"), OutcomeUnknownError),
    "unavailable": (Answer(503, ""), OutcomeUnknownError),
    "gateway time-out": (Answer(504, "<html>"), OutcomeUnknownError),
    "request time-out": (Answer(408, "<html>"), OutcomeUnknownError),
    "refusal that the bank did not write": (Answer(400, "<html>"), OutcomeUnknownError),
    "404 that the bank did not write": (Answer(404, "<html>"), OutcomeUnknownError),
    "redirect": (Answer(302, "", {"location": "https://elsewhere.example/"}), OutcomeUnknownError),
    "connection cut after sending": ("cut", OutcomeUnknownError),
    "answer that breaks off": ("half", OutcomeUnknownError),
    "answer that is no JSON": (Answer(200, "<html>"), UnreadableAnswerError),
    "answer that is a list": (Answer(200, []), UnreadableAnswerError),
    "answer without a status": (Answer(200, {"id": "btr_1"}), UnreadableAnswerError),
    "status that is new": (Answer(200, {"id": "btr_1", "status": "word_that_is_new"}), UnreadableAnswerError),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("name", MEANINGS)
async def test_answer_means_one_thing_for_the_money(name: str, operation: str) -> None:
    reply, meaning = MEANINGS[name]
    async with bank_at(reply) as (_, bank):
        with pytest.raises(ProviderError) as raised:
            await CALLS[operation](bank)
    assert type(raised.value) is meaning


@pytest.mark.parametrize("operation", CALLS)
async def test_connection_that_is_refused_carried_nothing(operation: str) -> None:
    bank = _adapter(nobody())
    with pytest.raises(UnavailableError):
        await CALLS[operation](bank)
    await bank.close()


@pytest.mark.parametrize("reply", ["silence", "drip"])
@pytest.mark.parametrize("operation", CALLS)
async def test_answer_that_does_not_come_in_time_is_unknown(operation: str, reply: Reply) -> None:
    async with bank_at(reply) as (_, bank):
        guarded = ResilientProvider(bank, Limits(failures=5, open_seconds=10, max_calls=10, seconds=0.3))
        with pytest.raises(OutcomeUnknownError):
            await CALLS[operation](guarded)


@pytest.mark.parametrize("operation", WRITES)
async def test_write_is_sent_once_so_that_no_later_answer_hides_the_first(operation: str) -> None:
    async with bank_at("cut", said(429, "rate_limited")) as (server, bank):
        with pytest.raises(OutcomeUnknownError):
            await CALLS[operation](bank)
        assert len(server.asked) == 1


async def test_announcement_without_an_answer_is_asked_once_more_under_the_same_key() -> None:
    transfer: dict[str, Any] = {"id": "btr_1", "status": "awaiting_funds", "reason": None}
    async with bank_at("cut", Answer(201, transfer | {"instructions_url": "https://bank.example/"})) as (server, bank):
        assert (await bank.start(PAYMENT)).reference == "btr_1"
        first, second = server.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


@pytest.mark.parametrize("second", [said(429, "rate_limited"), said(401, "unauthorized"), "cut"])
async def test_second_try_that_fails_says_nothing_about_the_first(second: Reply) -> None:
    async with bank_at("cut", second) as (_, bank):
        with pytest.raises(OutcomeUnknownError):
            await bank.start(PAYMENT)
