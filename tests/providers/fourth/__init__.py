"""One more folder of providers: what is in it is one to the payment service, once `__path__` has it.

`python -m tests.providers.fourth` is the payment service as it would be with that folder in `payment_svc/providers`.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = str(Path(__file__).parent)
