"""Addresses and keys: what is one, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.mail.addresses import AddressRefusedError, check_address
from notify_svc.domain import channel as channel_domain
from notify_svc.domain.channel import KeyRefusedError


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("till@shop.example", "till@shop.example"),
        ("First.Last+tag@Shop.Example", "First.Last+tag@shop.example"),
        ("o'hara@xn--bcher-kva.example", "o'hara@xn--bcher-kva.example"),
        ("x" * 64 + "@a.example", "x" * 64 + "@a.example"),
    ],
)
def test_address_is_taken(address: str, taken: str) -> None:
    assert check_address(address) == taken


@pytest.mark.parametrize(
    "address",
    [
        "till",
        "@shop.example",
        "till@",
        "till@shop",
        "till@127.0.0.1",
        "till@[127.0.0.1]",
        '"till"@shop.example',
        ".till@shop.example",
        "till..3@shop.example",
        "till@-shop.example",
        "till@shop.example.",
        "till@shop.example\n",
        "till@shop.example\r\nBcc: all@shop.example",
        "till@shop.example, all@shop.example",
        "Till <till@shop.example>",
        "till@bücher.example",
        "a@b@shop.example",
        "x" * 65 + "@a.example",
        "x@" + "a." * 125 + "example",
    ],
)
def test_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_address(address)


NEARLY = st.text(st.sampled_from("aZ1" * 40 + '.-+\r\n\0 <>,;:"()[]\\@é'), min_size=1, max_size=4)
"""Mostly what an address has, and some that none has: of other characters hardly a text is one."""


@given(NEARLY, NEARLY.map(lambda text: f"{text}a.example"))
@example("till", "a.example")
def test_no_address_that_is_taken_holds_what_ends_a_line_or_an_address(local: str, domain: str) -> None:
    try:
        taken = check_address(f"{local}@{domain}")
    except AddressRefusedError:
        return
    assert taken.isascii()
    assert not set(taken) & set('\r\n\0 <>,;:"()[]\\')


@pytest.mark.parametrize("text", ["", "A", "AA==", "ä", "A" * 22 + "!", "A" * 23])
def test_auth_is_sixteen_bytes(text: str) -> None:
    with pytest.raises(KeyRefusedError):
        channel_domain.check_auth(text)


def test_padding_is_left_out() -> None:
    assert channel_domain.check_auth("A" * 22 + "==") == "A" * 22


def test_published_limits() -> None:
    assert (channel_domain.MAX_CHANNELS, channel_domain.MAX_CONFIRMATIONS) == (20, 20)
    assert channel_domain.CONFIRMATIONS_SPAN.total_seconds() == channel_domain.TOKEN_LIFE.total_seconds() == 86400
