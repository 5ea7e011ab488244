"""`fusionxpay reconcile`: a provider's records compared with ours."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub
from fusionx.type.v1 import money_pb2
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.moments import moment
from cli.operator_api import READY_FILE, AsJson, PaymentTarget, Ready, calling
from cli.standing_books import asked, lines
from cli.tables import show_table
from mesh.messages import document
from mesh.rpc.comparison_spans import add_part, spans

TIMEOUT_SECONDS = 600.0
LIST_SECONDS = 10.0

MEANINGS = {
    "MISSING_HERE": "the provider took money that no payment of ours records",
    "MISSING_THERE": "we count on money that the provider does not have",
    "AMOUNT_DIFFERS": "captured, but not the same amount",
    "STATE_DIFFERS": "captured by one book only",
    "REFUNDED_DIFFERS": "captured by both, but not the same amount went back",
}


def reconcile(
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            parser=moment,
            help="Payments created from here on, UTC where it has no zone. Default: compare nothing.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--to", parser=moment, help="Payments created before, UTC where it has no zone. Default: until now."
        ),
    ] = None,
    provider: Annotated[str, typer.Option(help="Only this provider, such as stripe. Default: all that are on.")] = "",
    as_json: AsJson = False,
    target: PaymentTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Compare each provider's own list of payments with ours: of the platform's account, not of merchants' own.

    Without `--from` it compares nothing, and shows which days differ by the comparisons that were made: the payment
    service makes one a day. Exit status: 0 when the records agree, 1 when they do not, 69 when a provider or the
    service does not answer: the others are compared all the same. The newest payments are left out (two minutes, or
    for as long as the provider may list late), as they may be on their way; 75 when those are all. `--json` prints an
    object for one provider that is named, and a list for all that answered.
    """
    if since is None:
        raise typer.Exit(_show_standing(provider, target, ready_file, as_json=as_json))
    end = until or datetime.now(UTC)
    days = _days(since, end)
    found: dict[str, provider_pb2.CompareBooksResponse] = {}
    names, unanswered = [provider], False
    if not provider:
        with calling("payment_svc", target, ready_file) as channel:
            names = _all_providers(ProviderServiceStub(channel))
    for name in names:
        try:
            with calling("payment_svc", target, ready_file) as channel:
                found[name] = _compared(ProviderServiceStub(channel), name, days)
        except typer.Exit:
            # said already; who closes the month wants to know of the others all the same
            unanswered = True
            continue
        if not as_json:
            _print(Console(), name, since, found[name])
    if as_json and found:
        documents = [_document(name, since, end, total) for name, total in found.items()]
        typer.echo(json.dumps(documents[0] if provider else documents, indent=2))
    if unanswered:
        raise typer.Exit(os.EX_UNAVAILABLE)
    if any(total.discrepancies for total in found.values()):
        raise typer.Exit(1)
    is_all_young = not all(_reaches(total, since) for total in found.values())
    raise typer.Exit(os.EX_TEMPFAIL if is_all_young else 0)


def _show_standing(provider: str, target: str, ready_file: Path, *, as_json: bool) -> int:
    """Print which days differ, and return the exit status."""
    with calling("payment_svc", target, ready_file) as channel:
        books = [one for one in asked(channel, LIST_SECONDS) if provider in ("", one.provider)]
    if as_json:
        typer.echo(json.dumps([document(one) for one in books], indent=2))
        return int(any(one.differences for one in books))
    for line in lines(books) or ["The records agree, as far as they were compared."]:
        typer.echo(line)
    for one in books:
        when = one.compare_time.ToJsonString() if one.HasField("compare_time") else "never"
        typer.echo(f"{one.provider}: last compared {when}")
    return int(any(one.differences for one in books))


def _all_providers(stub: ProviderServiceStub) -> list[str]:
    return [one.name for one in stub.ListProviders(provider_pb2.ListProvidersRequest(), timeout=10).providers]


def _compared(
    stub: ProviderServiceStub, provider: str, days: Sequence[tuple[datetime, datetime]]
) -> provider_pb2.CompareBooksResponse:
    total = provider_pb2.CompareBooksResponse()
    for start, end in days:
        request = provider_pb2.CompareBooksRequest(provider=provider)
        request.from_time.FromDatetime(start)
        request.to_time.FromDatetime(end)
        add_part(total, stub.CompareBooks(request, timeout=TIMEOUT_SECONDS))
    return total


def _days(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    now = datetime.now(UTC)
    if since >= now:
        raise typer.BadParameter("--from is in the future: there is nothing to compare")
    if since >= until:
        raise typer.BadParameter("--to must be later than --from")
    # of what has not begun nothing can be compared
    return [day for day in spans(since, until) if day[0] < now]


def _reaches(total: provider_pb2.CompareBooksResponse, since: datetime) -> bool:
    """Whether anything was compared; the version before does not say."""
    reached = total.compared_until_time
    return not total.HasField("compared_until_time") or reached.ToDatetime(UTC) > since


def _document(
    provider: str, since: datetime, until: datetime, total: provider_pb2.CompareBooksResponse
) -> dict[str, Any]:
    span = {name: f"{one.replace(tzinfo=None).isoformat()}Z" for name, one in (("from", since), ("to", until))}
    return {"provider": provider, **span, **document(total)}


def _print(console: Console, provider: str, since: datetime, total: provider_pb2.CompareBooksResponse) -> None:
    if not _reaches(total, since):
        words = f"{provider}: nothing was compared, as all of it is too young: its news may be on their way"
        console.print(words, style="yellow", soft_wrap=True)
        return
    until = f", until {total.compared_until_time.ToJsonString()}" if total.HasField("compared_until_time") else ""
    both = f"{total.provider_payments} payments there, {total.our_payments} here"
    apart = " (those that took no money may be in one list alone)" * (total.provider_payments != total.our_payments)
    console.print(f"{provider}: {both}{apart}{until}", soft_wrap=True)
    if not total.discrepancies:
        console.print(f"The records agree{until}.", style="green", soft_wrap=True)
        return
    table = Table("created", "what", "payment", "at the provider", "the object names", "we say", "the provider says")
    for found in total.discrepancies:
        table.add_row(
            found.create_time.ToJsonString(),
            MEANINGS[provider_pb2.Discrepancy.Kind.Name(found.kind)],
            found.payment_id or "none",
            escape(found.provider_reference) or "none",
            "" if found.claimed_payment_id == found.payment_id else escape(found.claimed_payment_id),
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
