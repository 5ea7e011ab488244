from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from notify_svc.domain import delivery as domain
from notify_svc.domain.delivery import Attempt, Delivery

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_attempts_become_rarer_and_end_after_about_a_day() -> None:
    times = [domain.next_attempt(attempts, NOW) for attempts in range(1, len(domain.RETRIES) + 1)]
    waits = [time - NOW for time in times if time]
    assert waits == sorted(waits) == list(domain.RETRIES)
    assert timedelta(hours=24) < sum(waits, timedelta()) < timedelta(hours=36)
    assert domain.next_attempt(len(domain.RETRIES) + 1, NOW) is None


@pytest.mark.parametrize(("status", "succeeded"), [(200, True), (204, True), (301, False), (404, False), (0, False)])
def test_delivery_succeeds_by_any_2xx_alone(status: int, succeeded: bool) -> None:
    assert Attempt(status, 1.0, "").succeeded is succeeded


@pytest.mark.parametrize("attempts", range(1, len(domain.RETRIES) + 1))
def test_jitter_makes_a_wait_up_to_a_tenth_longer(attempts: int) -> None:
    published = domain.RETRIES[attempts - 1]
    assert domain.next_attempt(attempts, NOW, 0.0) == NOW + published
    assert domain.next_attempt(attempts, NOW, 1.0) == NOW + published * 1.1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 400, 86400),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120),
        ("Thursday, 01-Jan-26 00:02:00 GMT", 120),
        ("Thu Jan  1 00:02:00 2026", 120),
        ("Fri, 01 Jan 2027 00:00:00 GMT", 86400),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("", 0),
        ("-5", 0),
        ("soon", 0),
        ("1.5", 0),
        ("٣", 0),
        ("Thu, 99 Foo 2026 99:99:99 GMT", 0),
    ],
)
def test_receiver_may_ask_to_be_left_alone_for_up_to_a_day(header: str, seconds: int) -> None:
    assert domain.retry_after(header, NOW) == NOW + timedelta(seconds=seconds)


def test_published_schedule() -> None:
    assert [wait.total_seconds() for wait in domain.RETRIES] == [5, 30, 120, 900, 3600, 14400, 28800, 50400]


@pytest.mark.parametrize(
    ("status", "answer", "failure"),
    [
        (199, "", "STATUS_NOT_2XX"),
        (200, "CONNECTION_REFUSED", ""),
        (299, "", ""),
        (300, "", "STATUS_NOT_2XX"),
        (1, "", "STATUS_NOT_2XX"),
        (0, "CONNECTION_REFUSED", "CONNECTION_REFUSED"),
        (0, "NAME_NOT_FOUND: no such name: a", "NAME_NOT_FOUND"),
        # attempts of before there were codes
        (0, "refused: a private address", "URL_REFUSED"),
        (0, "not sent: why", "GATEWAY_FAILED"),
        (0, "ConnectTimeout: a", "CONNECTION_FAILED"),
        (0, "", "CONNECTION_FAILED"),
    ],
)
def test_attempt_says_why_it_failed(status: int, answer: str, failure: str) -> None:
    attempt = Attempt(status, 1.0, answer)
    assert attempt.failure == failure
    assert attempt.succeeded is (failure == "")


def test_secrets_of_a_delivery_are_its_endpoints() -> None:
    mine = {"merchant_id": UUID(int=1), "endpoint_id": UUID(int=2)}
    given: dict[str, Any] = dict.fromkeys(Delivery.__dataclass_fields__) | mine
    assert Delivery(**given).vault_owner == f"endpoint/{UUID(int=1)}/{UUID(int=2)}"
