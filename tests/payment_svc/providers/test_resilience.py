"""What stands around a provider: only its own failures open a circuit, and a slow one has only so much room."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast
from uuid import uuid4

import pytest

from mesh import context
from payment_svc.domain.circuit import Circuit
from payment_svc.domain.payment import Failure, Payment, PaymentStatus, Snapshot
from payment_svc.metrics import ACCOUNTS, CALL_SECONDS, CALLS, CIRCUIT_STATE
from payment_svc.providers.base import (
    ObjectNotFoundError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.resilience import Limits, ResilientProvider, aside, patience
from tests.payment_svc.domain.test_payment import FRESH
from tests.support.waiting import come_true

LIMITS = Limits(failures=3, open_seconds=0.05, max_calls=4)
DECLINED = RejectedError(Failure("card_declined", "no"))


class Told:
    """A provider that answers as it is told to, and counts."""

    name = "told"

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def start(self, payment: Payment) -> Snapshot:
        """Answer."""
        self.calls += 1
        await self.gate.wait()
        if self.error:
            raise self.error
        return Snapshot("ref", PaymentStatus.INITIATED)

    fetch = start


def guarded(limits: Limits = LIMITS) -> tuple[Told, ResilientProvider]:
    inner = Told()
    return inner, ResilientProvider(cast(Provider, inner), limits)


async def fail(guard: ResilientProvider, times: int, error: type[ProviderError]) -> None:
    for _ in range(times):
        with pytest.raises(error):
            await guard.start(FRESH)


def circuit(guard: ResilientProvider, operation: str = "start") -> Circuit:
    return next(one for one in guard.circuits() if one.operation == operation)


@pytest.mark.parametrize("error", [UnavailableError("down"), OutcomeUnknownError("silent")])
async def test_failures_of_the_provider_in_a_row_open_the_circuit(error: ProviderError) -> None:
    inner, guard = guarded()
    inner.error = error
    await fail(guard, 3, type(error))
    assert circuit(guard).state == "opened"
    assert guard.is_open("start")
    await fail(guard, 1, UnavailableError)
    assert inner.calls == 3, "an open circuit asks nobody"


async def test_calls_of_a_report_open_no_circuit_and_are_refused_by_none() -> None:
    inner, guard = guarded()
    inner.error = UnavailableError("too many requests")
    with aside():
        await fail(guard, 4, UnavailableError)
    assert guard.circuits() == []
    await fail(guard, 3, UnavailableError)
    assert circuit(guard).state == "opened"
    with aside():
        await fail(guard, 1, UnavailableError)
    assert inner.calls == 8


@pytest.mark.parametrize("error", [DECLINED, ObjectNotFoundError("none")])
async def test_declines_and_what_is_not_there_never_open_it(error: ProviderError) -> None:
    inner, guard = guarded()
    inner.error = error
    await fail(guard, 10, type(error))
    assert circuit(guard).state == "closed"


async def test_decline_between_failures_shows_that_the_provider_works() -> None:
    inner, guard = guarded()
    for error in (UnavailableError("down"), UnavailableError("down"), DECLINED, UnavailableError("down")):
        inner.error = error
        await fail(guard, 1, type(error))
    assert circuit(guard).state == "closed"


async def test_failures_in_a_row_are_shown_with_the_circuit() -> None:
    inner, guard = guarded()
    inner.error = UnavailableError("down")
    await fail(guard, 2, UnavailableError)
    shown = circuit(guard)
    assert (shown.state, shown.failures, shown.open_time) == ("closed", 2, None)
    inner.error = None
    await guard.start(FRESH)
    assert circuit(guard).failures == 0


async def test_calls_to_a_merchants_own_account_are_counted_apart() -> None:
    """A key that a merchant has revoked is no failure of the provider, and gets nobody up."""
    inner = Told()
    inner.error = UnavailableError("down")

    def counted(accounts: str) -> tuple[float, float]:
        calls = CALLS.labels("told", "UnavailableError", accounts)._value.get()
        return calls, CALL_SECONDS.labels("told", "start", accounts)._sum.get()

    for accounts, account_id in (("merchants", uuid4()), ("platform", None)):
        before = {one: counted(one) for one in ACCOUNTS}
        await fail(ResilientProvider(cast(Provider, inner), LIMITS, account_id), 1, UnavailableError)
        assert [one for one in ACCOUNTS if counted(one) > before[one]] == [accounts]


async def test_circuits_of_operations_are_apart() -> None:
    inner, guard = guarded()
    inner.error = UnavailableError("down")
    await fail(guard, 3, UnavailableError)
    inner.error = None
    assert (await guard.fetch(FRESH)).reference == "ref"


async def test_after_its_time_one_call_tries_and_closes_the_circuit() -> None:
    inner, guard = guarded()
    inner.error = UnavailableError("down")
    await fail(guard, 3, UnavailableError)
    inner.error = None
    inner.gate.clear()
    await come_true(lambda: not guard.is_open("start"))
    trying = asyncio.create_task(guard.start(FRESH))
    await come_true(lambda: inner.calls == 4)
    await fail(guard, 1, UnavailableError)
    assert inner.calls == 4, "only one call tries a half-open circuit"
    inner.gate.set()
    await trying
    assert circuit(guard).state == "closed"
    await guard.start(replace(FRESH))


async def test_gauge_of_a_circuit_whose_time_is_over_says_so_though_nobody_calls() -> None:
    """A provider that is well again would be told to fail until somebody wants the same of it."""
    inner, guard = guarded()
    inner.error = UnavailableError("down")

    def shown() -> float:
        guard.show_circuits()
        state: float = CIRCUIT_STATE.labels("told", "start")._value.get()
        return state

    await fail(guard, 3, UnavailableError)
    assert CIRCUIT_STATE.labels("told", "start")._value.get() == 2
    await come_true(lambda: not guard.is_open("start"))
    assert shown() == 1
    await fail(guard, 1, UnavailableError)
    assert CIRCUIT_STATE.labels("told", "start")._value.get() == 2, "tried in vain"
    await come_true(lambda: not guard.is_open("start"))
    inner.error = None
    await guard.start(FRESH)
    assert shown() == 0


async def test_call_that_tries_in_vain_opens_the_circuit_again() -> None:
    inner, guard = guarded()
    inner.error = UnavailableError("down")
    await fail(guard, 3, UnavailableError)
    await come_true(lambda: not guard.is_open("start"))
    await fail(guard, 1, UnavailableError)
    assert inner.calls == 4
    assert circuit(guard).state == "opened"


async def test_calls_above_the_bulkhead_are_refused_and_do_not_open_the_circuit() -> None:
    inner, guard = guarded()
    inner.gate.clear()
    slow = [asyncio.create_task(guard.start(FRESH)) for _ in range(4)]
    await come_true(lambda: guard.bulkhead.taken == 4)
    await fail(guard, 5, UnavailableError)
    assert inner.calls == 4
    inner.gate.set()
    await asyncio.gather(*slow)
    assert guard.bulkhead.taken == 0
    assert circuit(guard).state == "closed"


async def test_call_is_bounded_as_a_whole() -> None:
    """Case 11: an answer that drips is no answer."""
    inner, provider = guarded(replace(LIMITS, seconds=0.01))
    inner.gate.clear()
    with pytest.raises(OutcomeUnknownError, match="within"):
        await provider.start(FRESH)
    with patience(60.0):
        patient = asyncio.ensure_future(provider.start(FRESH))
        inner.gate.set()
        assert (await patient).reference == "ref"


@pytest.mark.parametrize("error", [KeyError("amount_received"), AttributeError("x"), TypeError("x"), ValueError("x")])
async def test_answer_that_cannot_be_read_says_nothing_of_what_was_done(error: Exception) -> None:
    """Case 19: unknown is unknown, never an error of the request."""
    inner, provider = guarded()
    inner.error = error
    with pytest.raises(OutcomeUnknownError, match="cannot be read"):
        await provider.start(FRESH)


async def test_one_merchant_leaves_others_their_places_at_a_slow_provider() -> None:
    """Calls go on when requests are given up, so that the share of requests does not hold them."""
    inner, guard = guarded(replace(LIMITS, max_calls=30))
    inner.gate.clear()

    def call(merchant_id: str) -> asyncio.Task[Snapshot]:
        context.enter(context.Call("0" * 32, merchant_id=merchant_id, is_own=True))
        return asyncio.create_task(guard.start(FRESH))

    many = [call("many") for _ in range(30)]
    await come_true(lambda: sum(one.done() for one in many) == 10)
    others = [call(f"other {number}") for number in range(5) for _ in range(2)]
    await come_true(lambda: guard.bulkhead.taken == 30)
    inner.gate.set()
    assert all(not isinstance(one, Exception) for one in await asyncio.gather(*others))
    refused = [one for one in await asyncio.gather(*many, return_exceptions=True) if isinstance(one, Exception)]
    assert [type(one) for one in refused] == [UnavailableError] * 10
