"""`fusionxpay events`: look at what happened, and have it sent again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer
from fusionx.mesh.v1 import outbox_service_pb2 as outbox_pb2
from fusionx.mesh.v1.outbox_service_pb2_grpc import OutboxServiceStub
from rich.table import Table

from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, Json, merchant_api, read
from cli.moments import moment
from cli.operator_api import READY_FILE, AnyTarget, AsJson, Ready, ServiceName, calling, places
from cli.tables import show_table
from mesh.events.participants import publishers
from mesh.messages import document

REBUILD_SECONDS = 600.0
app = typer.Typer(help="Events: look at them, have them sent or published again.", no_args_is_help=True)
EventId = Annotated[str, typer.Argument(help="The event's id.")]


@app.command("list")
def list_events(
    event_type: Annotated[str, typer.Option("--type", help="Only this type or family, such as 'order.*'.")] = "",
    order: Annotated[str, typer.Option(help="Only of this order and what belongs to it.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, help="Only what happened from here on, UTC where it has no zone."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", parser=moment, help="Only what happened before, UTC where it has no zone."),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100, help="How many at the most.")] = 20,
    as_json: AsJson = False,
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """List events, newest first."""
    wanted: Json = {
        "page_size": count,
        "type": event_type,
        "order_id": order,
        "create_time_from": since and since.isoformat(),
        "create_time_to": until and until.isoformat(),
    }
    with merchant_api(gateway, api_key) as api:
        query = {name: value for name, value in wanted.items() if value}
        found = read(api.get("/v1/events", params=query))["events"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("time", "type", "event", "order")
    for event in found:
        table.add_row(event["create_time"], event["type"], event["event_id"], event["order_id"])
    show_table(table)


@app.command()
def show(event_id: EventId, gateway: Gateway = DEFAULT_GATEWAY, api_key: ApiKey = "") -> None:
    """Show an event as JSON, with what became of it at each endpoint."""
    with merchant_api(gateway, api_key) as api:
        event = read(api.get(f"/v1/events/{event_id}"))
        deliveries = read(api.get(f"/v1/events/{event_id}/deliveries"))
    typer.echo(json.dumps(event | deliveries, indent=2))


@app.command()
def resend(
    event_id: Annotated[str, typer.Argument(help="The event's id; or say --from and --to.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, help="Events that happened from here on, UTC where it has no zone."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", parser=moment, help="Events that happened before, UTC where it has no zone."),
    ] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="With --from and --to: only this type or family; repeat it.")
    ] = None,
    endpoint: Annotated[str, typer.Option(help="Only to this webhook endpoint, by id, whatever its filters.")] = "",
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Have an event sent again, or all that happened in a time."""
    if bool(event_id) == bool(since and until) or bool(since) != bool(until) or (event_id and event_type):
        raise typer.BadParameter("say an event's id, or --from and --to")
    body: Json = {"webhook_endpoint_id": endpoint} if endpoint else {}
    with merchant_api(gateway, api_key) as api:
        if event_id:
            made = len(read(api.post(f"/v1/events/{event_id}/resend", json=body))["deliveries"])
            typer.echo(f"sent again; it has {made} deliveries")
            return
        assert since
        assert until
        body |= {"start_time": since.isoformat(), "end_time": until.isoformat(), "event_types": event_type or []}
        sent = read(api.post("/v1/events:resend", json=body))
    typer.echo(f"{sent['events']} events, {sent['deliveries']} deliveries on their way")


@app.command()
def rebuild(
    service: ServiceName = "",
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=moment,
            help="Only events that happened from here on, UTC where it has no zone. Default: those of 7 days.",
        ),
    ] = None,
    as_json: AsJson = False,
    target: AnyTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Fill a stream that was lost from the outboxes of the services, which keep events for 7 days.

    Consumers apply each event once, also when they have had it before. Exit status 69 when a service does not answer:
    run it again then.
    """
    request = outbox_pb2.RepublishEventsRequest()
    if since:
        request.from_time.FromDatetime(since)
    answers: dict[str, outbox_pb2.RepublishEventsResponse] = {}
    for name, address in places(publishers(), service, target).items():
        with calling(name, address, ready_file) as channel:
            answers[name] = OutboxServiceStub(channel).RepublishEvents(request, timeout=REBUILD_SECONDS)
    if as_json:
        typer.echo(json.dumps({name: document(answer) for name, answer in answers.items()}, indent=2))
        return
    for name, answer in answers.items():
        typer.echo(f"{name}: {answer.events} events since {answer.from_time.ToJsonString()} are published again")
