"""The bank account that the customer pays from: it decides how the transfer goes."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Payer:
    """How a transfer from this account behaves once it is received.

    `settles` is how it ends by itself; None leaves it to the control API. `reason` is why it is returned. `refund` is
    how a refund to the account goes: `bounce` looks settled first, then the money comes back.
    """

    label: str
    settles: Literal["succeeded", "failed"] | None = "succeeded"
    reason: str = ""
    refund: Literal["settle", "fail", "bounce"] = "settle"


PAYERS = {
    "ordinary": Payer("An account with money, settles by itself"),
    "no_funds": Payer("An account without money: returned", settles="failed", reason="insufficient_funds"),
    "blocked": Payer("A blocked account: returned", settles="failed", reason="account_blocked"),
    "slow": Payer("Received, undecided until the control API settles it", settles=None),
    "refund_refused": Payer("Settles by itself; refunds fail", refund="fail"),
    "refund_bounced": Payer("Settles by itself; refunds settle, then come back", refund="bounce"),
}
