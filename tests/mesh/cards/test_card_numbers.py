"""Card numbers are known wherever they stand in a text, and what only looks long is left alone."""

from __future__ import annotations

import pytest
from fusionx.order.v1 import order_service_pb2
from fusionx.payment.v1 import routing_service_pb2
from hypothesis import given
from hypothesis import strategies as st

from mesh.cards.numbers import contains_card_number
from mesh.errors import ApiError
from mesh.validation import fields_with, has_card_number, validate

# the networks' published test numbers
NUMBERS = [
    "4242424242424242",
    "4000000000000000006",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("text", ["{}", "my card is {}, thanks", "{}."])
def test_number_is_known_wherever_it_stands(number: str, text: str) -> None:
    assert contains_card_number(text.format(number))


@pytest.mark.parametrize(
    "text", ["4242 4242 4242 4242", "4242-4242-4242-4242", "3782 822463 10005", "4242+4242+4242+4242"]
)
def test_number_is_known_as_it_is_printed_on_the_card(text: str) -> None:
    assert contains_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # no check digit
        "1732358400000",  # milliseconds since 1970
        "2026112312345678",  # a date and a counter
        "01a20842-a3d4-7334-9983-982a86a85b0e",
        "4242424a242424242",  # a letter within
        "302-3273249-0497893",
        "+49 1573 1234567",
        "DE89 3704 0044 0532 0130 00",
        "42424242424242424242424",
        "order 12, 24 pieces",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not contains_card_number(text)


@given(st.uuids())
def test_uuids_are_never_taken_for_cards(uuid: object) -> None:
    assert not contains_card_number(str(uuid))


def test_every_field_is_named_and_the_number_is_not_repeated() -> None:
    request = order_service_pb2.CreateOrderRequest(
        description=f"paid with {NUMBERS[0]}", metadata={"note": NUMBERS[1], NUMBERS[2]: "x", "fine": "x"}
    )
    request.amount.value, request.amount.currency = "1.00", "EUR"
    assert set(fields_with(request, has_card_number)) == {"description", "metadata[note]", "metadata"}
    with pytest.raises(ApiError) as refused:
        validate(request)
    assert refused.value.reason == "CARD_NUMBER_REFUSED"
    assert not any(number in str(refused.value.to_status()) for number in NUMBERS)


def test_number_in_one_of_many_messages_is_found() -> None:
    policy = routing_service_pb2.UpdateRoutingPolicyRequest()
    policy.rules.add(name="fine")
    policy.rules.add(name=NUMBERS[0])
    assert list(fields_with(policy, has_card_number)) == ["rules[1].name"]
