"""A provider that exists in tests only: vouchers, which are worth what is paid with them."""

from tests.providers.fourth.vouchers.adapter import REGISTRATION as REGISTRATION
