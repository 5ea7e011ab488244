"""Who publishes which events, and who consumes them: NATS' permissions and the owners of signatures are made of this.

Publishers are declared in the contracts (`fusionx.type.v1.publisher`), consumers are the table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from fusionx.type.v1 import event_pb2

from mesh.contract.descriptors import contract_files

CONSUMERS: Mapping[str, str] = {"order_svc": "order_svc_payments", "notify_svc": "notify_svc_events"}
"""The durable consumer of each service that has one."""
WITH_DEAD_LETTERS = tuple(CONSUMERS)
"""Who gives up on events: who consumes them."""


@cache
def owned_subjects() -> Mapping[str, str]:
    """Return who publishes what, `{"fusionx.payment.v1.>": "payment_svc"}` and so on, as the contracts say.

    Raises ValueError for a package of two publishers: their subjects could not be told apart.
    """
    owners: dict[str, str] = {}
    for file in contract_files():
        owner = str(file.GetOptions().Extensions[event_pb2.publisher])
        subjects = f"{file.package}.>"
        if owner and owners.setdefault(subjects, owner) != owner:
            raise ValueError(f"{subjects} has two publishers: {owner} and {owners[subjects]}")
    return owners


def publisher_of(subject: str) -> str:
    """Return the name of the service that publishes to a subject; empty when none does."""
    return owned_subjects().get(".".join(subject.split(".")[:3]) + ".>", "")


def publishers() -> tuple[str, ...]:
    """Return who publishes events, and so has an outbox."""
    return tuple(dict.fromkeys(owned_subjects().values()))
