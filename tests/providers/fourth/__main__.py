"""The payment service with one more provider."""

from __future__ import annotations

import runpy

from payment_svc import providers
from tests.providers.fourth import FOLDER

providers.__path__.append(FOLDER)
runpy.run_module("payment_svc", run_name="__main__")
