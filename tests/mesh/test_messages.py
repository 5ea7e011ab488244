from __future__ import annotations

import pytest
from fusionx.type.v1 import money_pb2

from mesh.errors import ApiError
from mesh.messages import money, money_message
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
