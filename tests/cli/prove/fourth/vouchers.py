"""Customers of a provider that the tests alone have: vouchers, which a page takes, or a request."""

from __future__ import annotations

from cli.prove.customers import Customers, Way

GOLD = Way(card="voucher_gold")
PAPER = Way("redeem", {"voucher": "paper"}, first={"voucher": "torn"})
CUSTOMERS = Customers(
    page="/vouchers/", challenge="/vouchers/pin/", ordinary=PAPER, ways=(GOLD, PAPER), at_once=GOLD, calls=("issue",)
)
