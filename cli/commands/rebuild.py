"""`fusionxpay events rebuild`: what was in a stream that is lost, published again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from fusionx.mesh.v1 import outbox_service_pb2 as outbox_pb2
from fusionx.mesh.v1.outbox_service_pb2_grpc import OutboxServiceStub

from cli.operator_api import READY_FILE, AnyTarget, AsJson, Ready, ServiceName, calling, document, places

SERVICES = ("order_svc", "payment_svc")
TIMEOUT_SECONDS = 600.0
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def rebuild(
    service: ServiceName = "",
    since: Annotated[
        datetime | None,
        typer.Option(formats=FORMATS, help="Only events that happened from here on, UTC. Default: those of 7 days."),
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
        request.from_time.FromDatetime(since.replace(tzinfo=UTC))
    answers: dict[str, outbox_pb2.RepublishEventsResponse] = {}
    for name, address in places(SERVICES, service, target).items():
        with calling(name, address, ready_file) as channel:
            answers[name] = OutboxServiceStub(channel).RepublishEvents(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        typer.echo(json.dumps({name: document(answer) for name, answer in answers.items()}, indent=2))
        return
    for name, answer in answers.items():
        typer.echo(f"{name}: {answer.events} events since {answer.from_time.ToJsonString()} are published again")
