"""What the payer chooses on the approval page: the choice decides how the payment goes."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Wallet:
    """How an approved payment behaves once the merchant captures it.

    `settles` is how a `pend` ends by itself; None leaves it to the control API. `refund` is how a
    refund of the capture goes.
    """

    label: str
    capture: Literal["complete", "pend", "decline"] = "complete"
    instrument_declined: bool = False
    settles: str | None = None
    refund: Literal["complete", "pend", "fail"] = "complete"


WALLETS = {
    "paypal": Wallet("PayPal balance, paid at once"),
    "paypal_declined": Wallet("A card that is declined when captured", instrument_declined=True),
    "paypal_capture_declined": Wallet("Captured as declined", "decline"),
    "paypal_pending": Wallet("Under review, completes later", "pend", settles="succeeded"),
    "paypal_pending_denied": Wallet("Under review, denied later", "pend", settles="failed"),
    "paypal_held": Wallet("Under review until decided", "pend"),
    "paypal_refund_pending": Wallet("Paid at once; refunds complete later", refund="pend"),
    "paypal_refund_failed": Wallet("Paid at once; refunds fail later", refund="fail"),
}
