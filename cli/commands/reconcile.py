"""`fusionxpay reconcile`: a provider's records compared with ours."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub
from fusionx.type.v1 import money_pb2
from rich.console import Console
from rich.table import Table

from cli.moments import FORMATS
from cli.operator_api import READY_FILE, AsJson, PaymentTarget, Ready, calling, document
from cli.tables import show_table

TIMEOUT_SECONDS = 600.0
SPAN = timedelta(days=1)
"""How much is compared in one call, so that a long time takes many short ones."""

MEANINGS = {
    "MISSING_HERE": "the provider took money that no payment of ours records",
    "MISSING_THERE": "we count on money that the provider does not have",
    "AMOUNT_DIFFERS": "captured, but not the same amount",
    "STATE_DIFFERS": "captured by one book only",
    "REFUNDED_DIFFERS": "captured by both, but not the same amount went back",
}


def reconcile(
    since: Annotated[datetime, typer.Option("--from", formats=FORMATS, help="Payments created from here on, UTC.")],
    until: Annotated[
        datetime | None, typer.Option("--to", formats=FORMATS, help="Payments created before, UTC. Default: until now.")
    ] = None,
    provider: Annotated[str, typer.Option(help="Only this provider, such as stripe. Default: all that are on.")] = "",
    as_json: AsJson = False,
    target: PaymentTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Compare each provider's own list of payments with ours: of the platform's account, not of merchants' own.

    Exit status: 0 when the records agree, 1 when they do not, 69 when a provider or the service does not answer: the
    others are compared all the same. The newest payments (two minutes, by default) are left out: they may be on their
    way. `--json` prints an object for one provider that is named, and a list for all that answered.
    """
    end = until or datetime.now(UTC).replace(tzinfo=None)
    spans = _spans(since.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    found: dict[str, provider_pb2.CompareBooksResponse] = {}
    names, unanswered = [provider], False
    if not provider:
        with calling("payment_svc", target, ready_file) as channel:
            names = _all_providers(ProviderServiceStub(channel))
    for name in names:
        try:
            with calling("payment_svc", target, ready_file) as channel:
                found[name] = _compared(ProviderServiceStub(channel), name, spans)
        except typer.Exit:
            # said already; who closes the month wants to know of the others all the same
            unanswered = True
            continue
        if not as_json:
            _print(Console(), name, found[name])
    if as_json and found:
        documents = [_document(name, since, end, total) for name, total in found.items()]
        typer.echo(json.dumps(documents[0] if provider else documents, indent=2))
    if unanswered:
        raise typer.Exit(os.EX_UNAVAILABLE)
    raise typer.Exit(1 if any(total.discrepancies for total in found.values()) else 0)


def _all_providers(stub: ProviderServiceStub) -> list[str]:
    return [one.name for one in stub.ListProviders(provider_pb2.ListProvidersRequest(), timeout=10).providers]


def _compared(
    stub: ProviderServiceStub, provider: str, spans: Sequence[tuple[datetime, datetime]]
) -> provider_pb2.CompareBooksResponse:
    total = provider_pb2.CompareBooksResponse()
    for start, end in spans:
        request = provider_pb2.CompareBooksRequest(provider=provider)
        request.from_time.FromDatetime(start)
        request.to_time.FromDatetime(end)
        part = stub.CompareBooks(request, timeout=TIMEOUT_SECONDS)
        total.provider_payments += part.provider_payments
        total.our_payments += part.our_payments
        total.discrepancies.extend(part.discrepancies)
    return total


def _spans(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    if since >= until:
        raise typer.BadParameter("--to must be later than --from")
    starts = [since]
    while starts[-1] + SPAN < until:
        starts.append(starts[-1] + SPAN)
    return list(zip(starts, [*starts[1:], until], strict=True))


def _document(
    provider: str, since: datetime, until: datetime, total: provider_pb2.CompareBooksResponse
) -> dict[str, Any]:
    span = {"from": f"{since.isoformat()}Z", "to": f"{until.isoformat()}Z"}
    return {"provider": provider, **span, **document(total)}


def _print(console: Console, provider: str, total: provider_pb2.CompareBooksResponse) -> None:
    console.print(f"{provider}: {total.provider_payments} payments there, {total.our_payments} here")
    if not total.discrepancies:
        console.print("The records agree.", style="green")
        return
    table = Table("created", "what", "payment", "at the provider", "we say", "the provider says")
    for found in total.discrepancies:
        table.add_row(
            found.create_time.ToJsonString(),
            MEANINGS[provider_pb2.Discrepancy.Kind.Name(found.kind)],
            found.payment_id or "none",
            found.provider_reference or "none",
            _said(found.our_status, found.our_amount, found.our_refunded_amount),
            _said(found.provider_status, found.provider_amount, found.provider_refunded_amount),
        )
    show_table(table, console)
    refunds = [
        one.payment_id for one in total.discrepancies if one.kind == provider_pb2.Discrepancy.Kind.REFUNDED_DIFFERS
    ]
    if refunds:
        # one line, to be taken as it is: a table would cut it
        typer.echo(f"To write down what went back there: fusionxpay review refunds {' '.join(refunds)}")


def _said(status: str, amount: money_pb2.Money, back: money_pb2.Money) -> str:
    went_back = f", {back.value} {back.currency} back" if back.currency else ""
    return f"{status} {amount.value} {amount.currency}{went_back}".strip() or "nothing"
