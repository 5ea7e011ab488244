"""Vouchers, simulated: a provider that the tests alone have."""

from tests.sandbox.fourth.vouchers.provider import Vouchers

PROVIDER = Vouchers
