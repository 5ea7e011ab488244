from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from fusionx.type.v1 import money_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.errors import ApiError
from mesh.messages import MOST_SHOWN, money, money_message, shown_once, timestamp
from mesh.money import Money


def test_amount_comes_back_as_it_went() -> None:
    assert money(money_message(Money(1250, "EUR")), "amount") == Money(1250, "EUR")


@pytest.mark.parametrize(
    ("value", "currency", "field"), [("12.345", "EUR", "amount.value"), ("12.00", "XXZ", "amount.currency")]
)
def test_what_is_wrong_with_an_amount_is_named(value: str, currency: str, field: str) -> None:
    with pytest.raises(ApiError) as refused:
        money(money_pb2.Money(value=value, currency=currency), "amount")
    assert [violation.field for violation in refused.value.violations] == [field]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 28, 10, 9, 11, 123_456, UTC),
        datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_moment_is_shown_as_protobuf_itself_would(moment: datetime) -> None:
    own = Timestamp()
    own.FromDatetime(moment)
    assert timestamp(moment) == own


def test_message_of_a_value_is_made_once_for_as_long_as_it_is_remembered() -> None:
    made: list[Money] = []

    @shown_once
    def show(amount: Money) -> money_pb2.Money:
        made.append(amount)
        return money_message(amount)

    # equal, and none the other
    first, second = Money(1250, "EUR"), Money(1250, "EUR")
    assert show(first) is show(first)
    assert show(first) is not show(second)
    assert len(made) == 2
    for minor in range(1, MOST_SHOWN):
        show(Money(minor, "EUR"))
    show(second)
    assert len(made) == 1 + MOST_SHOWN
    show(first)
    assert len(made) == 2 + MOST_SHOWN
