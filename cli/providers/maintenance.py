"""`fusionxpay maintenance`: a provider is taken out of routing until a time, and given back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table

from cli.moments import moment
from cli.operator_api import READY_FILE, AsJson, PaymentTarget, Ready, calling
from cli.spans import span
from cli.tables import show_table
from mesh.messages import document

TIMEOUT_SECONDS = 30.0

app = typer.Typer(help="Maintenance of providers: routing gives them no payments until a time.", no_args_is_help=True)
Provider = Annotated[str, typer.Argument(help="The provider, such as stripe.")]
Operator = Annotated[str, typer.Option("--by", help="Who says so.")]


@app.command()
def start(
    provider: Provider,
    operator: Operator,
    why: Annotated[str, typer.Option(help="Why, for whoever reads it later.")],
    length: Annotated[
        timedelta | None, typer.Option("--for", parser=span, help="How long, such as 2h; 30 days at the most.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", parser=moment, help="Until when, UTC where it has no zone.")
    ] = None,
    as_json: AsJson = False,
    target: PaymentTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Take a provider out of routing. It ends by itself; one that is under way already is replaced.

    Payments that name the provider are still started, and those that it has are captured, refunded and looked up there.
    """
    request = provider_pb2.StartMaintenanceRequest(provider=provider, operator=operator, why=why)
    request.until_time.CopyFrom(_end(length, until))
    with calling("payment_svc", target, ready_file) as channel:
        _show([ProviderServiceStub(channel).StartMaintenance(request, timeout=TIMEOUT_SECONDS)], as_json)


@app.command()
def end(
    provider: Provider,
    operator: Operator,
    as_json: AsJson = False,
    target: PaymentTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Let routing give a provider payments again, before the time. Exit status: 69 when none is under way."""
    request = provider_pb2.EndMaintenanceRequest(provider=provider, operator=operator)
    with calling("payment_svc", target, ready_file) as channel:
        _show([ProviderServiceStub(channel).EndMaintenance(request, timeout=TIMEOUT_SECONDS)], as_json)


@app.command("list")
def show_all(as_json: AsJson = False, target: PaymentTarget = "", ready_file: Ready = READY_FILE) -> None:
    """List the newest 100 maintenances, newest first, those that are over too."""
    request = provider_pb2.ListMaintenancesRequest()
    with calling("payment_svc", target, ready_file) as channel:
        _show(ProviderServiceStub(channel).ListMaintenances(request, timeout=TIMEOUT_SECONDS).maintenances, as_json)


def _end(length: timedelta | None, until: datetime | None) -> Timestamp:
    if (length is None) == (until is None):
        raise typer.BadParameter("say --for, such as 2h, or --until")
    end_time = Timestamp()
    if until:
        end_time.FromDatetime(until)
    else:
        end_time.GetCurrentTime()
        end_time.FromDatetime(end_time.ToDatetime() + (length or timedelta()))
    return end_time


def _show(found: Sequence[provider_pb2.Maintenance], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([document(one) for one in found], indent=2))
        return
    table = Table("provider", "state", "from", "until", "by", "why", box=None)
    for one in found:
        ended = f"ended by {one.ended_by}" if one.ended_by else "over"
        last = one.end_time if one.HasField("end_time") else one.until_time
        times = (one.create_time.ToJsonString(), last.ToJsonString())
        table.add_row(one.provider, "under way" if one.active else ended, *times, one.operator, one.why)
    if found:
        show_table(table)
    else:
        Console().print("every provider gets payments, and always did")
