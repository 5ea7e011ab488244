"""Which days differ, of each provider, by the comparisons that were made."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub

from mesh.rpc.dial import dial, tls_of

Books = Sequence[provider_pb2.ComparedBooks]
SECONDS = 3.0


def asked(channel: grpc.Channel, seconds: float) -> Books:
    """Ask the payment service how the books stand."""
    return ProviderServiceStub(channel).ListComparisons(provider_pb2.ListComparisonsRequest(), timeout=seconds).books


def look(ready: Mapping[str, Any]) -> Books:
    """Ask the payment service of a ready file's document; nothing where it does not answer, which is told elsewhere."""
    with contextlib.suppress(grpc.RpcError, OSError, ValueError, KeyError):
        tls = tls_of(ready["operator_tls"]) if ready.get("operator_tls") else None
        with dial(str(ready["services"]["payment_svc"]), "payment_svc", tls) as channel:
            return asked(channel, SECONDS)
    return ()


def lines(books: Books) -> list[str]:
    """Return a line for each span of time that differs, newest first."""
    return [
        f"{one.provider}: {span.from_time.ToJsonString()} to {span.to_time.ToJsonString()}: "
        f"{span.differences} {'difference' if span.differences == 1 else 'differences'}"
        for one in books
        for span in one.spans
    ]
