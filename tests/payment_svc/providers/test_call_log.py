"""What is kept of what is said to providers: how things stand, and never a card, a key, or who the customer is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from mesh.money import Money
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.provider_call import Keep, ProviderCall
from payment_svc.providers import kept as kept_words
from payment_svc.providers.bank_transfer.adapter import BankTransferProvider
from payment_svc.providers.base import OutcomeUnknownError, Provider, ProviderError, UnavailableError
from payment_svc.providers.call_log import CallLog
from payment_svc.providers.kept import LONGEST, MAX_BODY, NOTHING, Kept
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.registry import kept_of
from payment_svc.providers.resilience import Hearing, Limits, ResilientProvider
from payment_svc.providers.stripe.adapter import StripeProvider
from tests.support.net.scripted import Answer, nobody, scripted
from tests.support.providers import stripe_api
from tests.support.providers.paypal_api import PAYMENT as AT_PAYPAL
from tests.support.providers.paypal_api import order, paid
from tests.support.providers.stripe_api import REFUND, intent, session

LIMITS = Limits(failures=2, open_seconds=10, max_calls=10, seconds=0.5)
CARD, MAIL, NAME, STREET = "4242424242424242", "kim@example.com", "Kim Doe", "1 Elm Street"
KEYS = ("sk_test_x", "whsec_x", "very-secret", "token-of-paypal", "pi_1_secret_k")
POISON: dict[str, Any] = {
    "payer": {"name": {"given_name": NAME}, "email_address": MAIL, "address": {"line1": STREET}},
    "billing_details": {"name": NAME, "email": MAIL, "address": {"line1": STREET}},
    "customer_details": {"name": NAME, "email": MAIL},
    "payment_method_details": {"card": {"number": CARD, "last4": "4242"}},
    "card": {"number": CARD, "cvc": "123", "name": NAME},
    "shipping": {"name": NAME, "address": STREET},
    "custom_fields": [{"text": {"value": NAME}}],
    "payer_iban": "DE02120300000000202051",
    "receipt_email": MAIL,
    "description": f"for {NAME}",
    "client_secret": "pi_1_secret_k",
    "callback_token": "very-secret",
    "name_of_customer": NAME,
}
ERROR = {"message": f"{CARD} of {MAIL} was refused, with sk_test_x", "code": "card_declined", "type": "card_error"}
FORBIDDEN = (CARD, "4242", MAIL, NAME, STREET, "DE02120300000000202051", "cvc", "shop.example", *KEYS)
Call = Callable[[Provider], Awaitable[object]]


def poisoned(value: Any) -> Any:
    """Return an answer with what must not be kept at each place in it."""
    if isinstance(value, dict):
        return {**POISON, **{name: poisoned(inner) for name, inner in value.items()}}
    return [poisoned(one) for one in value] if isinstance(value, list) else value


TRANSFER = {
    "id": "btr_1",
    "status": "settled",
    "merchant_reference": "m",
    "amount": 1200,
    "amount_received": 1200,
    "amount_refunded": 0,
    "currency": "EUR",
    "reason": None,
    "instructions_url": "https://shop.example/x",
}
ANSWERS: dict[str, Any] = {
    "stripe": intent(next_action={"type": "redirect_to_url", "redirect_to_url": {"url": "https://shop.example/3ds"}}),
    "paypal": order(captures=[paid("COMPLETED")]),
    "bank_transfer": TRANSFER,
}
PAYMENTS = {
    "stripe": replace(stripe_api.PAYMENT, description=f"for {NAME}"),
    "paypal": replace(AT_PAYPAL, description=f"for {NAME}"),
    "bank_transfer": replace(stripe_api.PAYMENT, provider="bank_transfer", payment_method="", description=NAME),
}
TOKEN = {"/v1/oauth2/token": Answer(200, {"access_token": "token-of-paypal", "expires_in": 100, "scope": MAIL})}


def made(name: str, url: str) -> Provider:
    if name == "stripe":
        return StripeProvider("sk_test_x", ["whsec_x"], url, timeout=5, max_calls=10)
    if name == "paypal":
        return PaypalProvider(Access("client", "very-secret", "WH1", api_base=url), timeout=5, max_calls=10)
    return BankTransferProvider("sk_test_x", url, ["whsec_x"], ["very-secret"], timeout=5)


async def calls_of(
    name: str, *replies: Any, keep: Keep = Keep.ALL, call: Call | None = None, url: str = "", kept: Kept | None = None
) -> list[ProviderCall]:
    """Return what is kept of some calls."""
    log = CallLog(keep)
    async with scripted(*replies, always=TOKEN) as server:
        inner = made(name, url or server.url)
        guarded = ResilientProvider(inner, LIMITS, None, Hearing(log, kept_of(name) if kept is None else kept))
        with contextlib.suppress(ProviderError):
            await (call or (lambda provider: provider.fetch(PAYMENTS[name])))(guarded)
        await guarded.close()
    return log.take(100)


def text_of(calls: list[ProviderCall]) -> str:
    told = ("path", "error", "request_id", "idempotency_key", "request", "answer")
    return "\n".join(getattr(call, name) for call in calls for name in told)


@pytest.mark.parametrize("name", ANSWERS)
async def test_nothing_is_kept_of_cards_keys_and_customers(name: str) -> None:
    bodies = [
        *(Answer(200, poisoned(ANSWERS[name])) for _ in range(2)),
        Answer(402, poisoned({"error": ERROR, "name": "X", "details": [{"issue": "I", "description": CARD}]})),
        Answer(200, f"<html>{CARD} {NAME}"),
    ]

    async def all_of_them(provider: Provider) -> None:
        payment: Payment = PAYMENTS[name]
        fresh = replace(payment, provider_reference="", status=PaymentStatus.INITIATED)
        for ask in (
            lambda: provider.start(fresh),
            lambda: provider.fetch(payment),
            lambda: provider.refund(payment, REFUND),
            lambda: provider.fetch(payment),
        ):
            with contextlib.suppress(ProviderError):
                await ask()

    calls = await calls_of(name, *bodies, call=all_of_them)
    said = text_of(calls)
    assert [word for word in FORBIDDEN if word in said] == []
    assert {one.operation for one in calls} == {"start", "fetch", "refund"}
    assert '"amount"' in said, "what it is about is kept"
    event = kept_of(name).event(json.dumps(poisoned({"data": {"object": ANSWERS[name]}, "resource": ANSWERS[name],
                                                     "type": "t", **ANSWERS[name]})).encode())  # fmt: skip
    assert [word for word in FORBIDDEN if word in event] == []


async def test_a_call_is_told_as_its_provider_support_asks_for_it() -> None:
    answer = Answer(200, intent("requires_capture"), {"request-id": "req_9"})
    (call,) = await calls_of(
        "stripe", answer, call=lambda one: one.capture(PAYMENTS["stripe"], Money(1200, "EUR"), "k9")
    )
    assert (call.operation, call.method, call.path) == ("capture", "POST", "/v1/payment_intents/pi_1/capture")
    assert (call.status, call.request_id, call.idempotency_key, call.error) == (200, "req_9", "k9", "")
    assert json.loads(call.request) == {"amount_to_capture": "1200"}
    assert json.loads(call.answer)["status"] == "requires_capture"
    assert call.duration_us > 0
    assert call.payment_id == PAYMENTS["stripe"].payment_id


async def test_lists_are_not_kept_as_they_are_of_others() -> None:
    others = [intent(metadata={"payment_id": "another merchant's"}, id=f"pi_other_{n}") for n in range(3)]
    calls = await calls_of(
        "stripe", Answer(200, stripe_api.listed(*others)), call=lambda one: one.find(PAYMENTS["stripe"])
    )
    assert "other" not in text_of(calls)
    assert json.loads(calls[0].answer) == {"object": "list", "has_more": False}
    assert "created" in calls[0].request
    hosted = replace(PAYMENTS["stripe"], payment_method="", provider_reference="cs_1")
    (page,) = await calls_of("stripe", Answer(200, session(inside=intent())), call=lambda one: one.fetch(hosted))
    assert json.loads(page.answer)["payment_intent"]["status"] == "succeeded"


async def test_no_answer_and_what_was_not_sent_is_told() -> None:
    (silent,) = await calls_of("bank_transfer", "silence")
    assert (silent.status, silent.error) == (0, "no answer in time")
    assert 400_000 < silent.duration_us < 5_000_000
    (away,) = await calls_of("bank_transfer", url=nobody())
    assert (away.status, away.error) == (0, "ConnectError")

    async def until_open(provider: Provider) -> None:
        for expected in (OutcomeUnknownError, OutcomeUnknownError, UnavailableError):
            with pytest.raises(expected):
                await provider.fetch(PAYMENTS["bank_transfer"])

    *_, refused = await calls_of("bank_transfer", Answer(503, ""), call=until_open)
    assert (refused.method, refused.status, refused.error) == ("", 0, "the circuit to bank_transfer is open")


async def test_settings_turn_it_off_or_to_failures() -> None:
    replies = (Answer(200, TRANSFER), Answer(404, {"error": {"code": "not_found", "message": "no"}}))

    async def twice(provider: Provider) -> None:
        await provider.fetch(PAYMENTS["bank_transfer"])
        await provider.fetch(PAYMENTS["bank_transfer"])

    statuses = {
        keep: [one.status for one in await calls_of("bank_transfer", *replies, keep=keep, call=twice)] for keep in Keep
    }
    assert statuses == {Keep.ALL: [200, 404], Keep.FAILURES: [404], Keep.NONE: []}


async def test_who_names_no_field_has_none_kept() -> None:
    (call,) = await calls_of("bank_transfer", Answer(200, TRANSFER), kept=NOTHING)
    assert (call.status, call.request, call.answer, call.request_id) == (200, "", "{}", "")


async def test_about_no_payment_nothing_is_kept() -> None:
    assert await calls_of("stripe", Answer(200, {"id": "acct_1"}), call=lambda one: one.identity()) == []


def test_bodies_have_an_end() -> None:
    kept = Kept(fields=frozenset({"id", "note"}))
    long = kept.body(json.dumps([{"note": "x" * 900}] * 50).encode())
    assert len(long) == MAX_BODY + 1
    assert kept.body(b" " * (LONGEST + 1)) == f"{LONGEST + 1} bytes"
    assert kept.body(b"[" * 100_000) == "100000 bytes that are not JSON"
    assert kept.body(b"\xff\xfe") == "2 bytes that are not JSON"
    assert kept.body(b"id=1&id[x]=2&note[0]=a") == '{"id":"1","note":"a"}'


async def test_while_nothing_can_be_written_the_oldest_goes() -> None:
    (one,) = await calls_of("bank_transfer", Answer(200, TRANSFER))
    log = CallLog(Keep.ALL, most=2)
    for number in range(3):
        log.add(replace(one, duration_us=number))
    taken = log.take(1)
    assert [call.duration_us for call in taken] == [1]
    log.give_back(taken)
    assert [call.duration_us for call in log.take(9)] == [1, 2]


def test_a_text_is_looked_at_as_far_as_it_is_kept() -> None:
    """Its length is the provider's: a message of 250 kB with digits took seconds, in which no payment went on."""
    looked: list[int] = []

    def look(text: str) -> str:
        looked.append(len(text))
        return text

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept_words, "redacted", look)
        assert len(kept_words.cleaned("4242-" * 50_000)) == kept_words.MAX_TEXT
    assert looked == [kept_words.MOST_LOOKED_AT]


@pytest.mark.parametrize("before", range(kept_words.MOST_LOOKED_AT - 40, kept_words.MOST_LOOKED_AT))
def test_what_is_cut_in_two_is_not_kept(before: int) -> None:
    mails = " ".join([f"{'x' * 60}@{'y' * 200}"] * 4).ljust(before, " ")
    assert "4242" not in kept_words.cleaned(f"{mails}{CARD} {'.' * 99}")


@pytest.mark.parametrize(
    ("said", "is_kept"),
    [
        ("/transfers/a\0b", "/transfers/a\N{REPLACEMENT CHARACTER}b"),
        ("\ud800", "?"),
        ("pi_3Abc_secret_Xyz123 is none", "[redacted] is none"),
    ],
)
def test_a_text_is_one_that_can_be_stored_and_shown(said: str, is_kept: str) -> None:
    assert kept_words.cleaned(said) == is_kept
