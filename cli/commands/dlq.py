"""`fusionxpay dlq`: the events that consumers gave up on. Look at them, have them applied, or drop them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from fusionx.mesh.v1 import dead_letter_pb2 as letter_pb2
from fusionx.mesh.v1 import dead_letter_service_pb2 as service_pb2
from fusionx.mesh.v1.dead_letter_service_pb2_grpc import DeadLetterServiceStub
from rich.console import Console
from rich.table import Table

from cli.endings import complain, failed
from cli.operator_api import (
    READY_FILE,
    AnyTarget,
    AsJson,
    Ready,
    ServiceName,
    calling,
    places,
    said_by,
)
from cli.tables import show_table
from mesh.events.participants import WITH_DEAD_LETTERS
from mesh.messages import document

TIMEOUT_SECONDS = 60.0
PAGE = 100
EX_REFUSED = 1

app = typer.Typer(help="Dead letters: events that a consumer gave up on.", no_args_is_help=True)
Consumer = Annotated[str, typer.Option(help="Only letters of this consumer, such as order_svc_payments.")]
Letters = Annotated[list[str], typer.Argument(help="The ids of the letters.")]


class Wanted(StrEnum):
    """Which letters are listed."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"
    ANY = "any"


@dataclass(frozen=True)
class Found:
    """A letter, where it is, and why it was refused what was asked; empty: it was not."""

    service: str
    letter: letter_pb2.DeadLetter
    error: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        return {"service": self.service, **document(self.letter), "error": self.error}


Change = Callable[[DeadLetterServiceStub, str], letter_pb2.DeadLetter]


@app.command("list")
def show_all(
    state: Annotated[Wanted, typer.Option(help="Only letters in this state.")] = Wanted.OPEN,
    consumer: Consumer = "",
    service: ServiceName = "",
    as_json: AsJson = False,
    target: AnyTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """List letters of all services, newest first. Exit status 69 when a service does not answer."""
    request = service_pb2.ListDeadLettersRequest(consumer=consumer, page_size=PAGE)
    if state is not Wanted.ANY:
        request.state = letter_pb2.DeadLetter.State.Value(state.name)
    found: list[Found] = []
    for name, address in places(WITH_DEAD_LETTERS, service, target).items():
        with calling(name, address, ready_file) as channel:
            found += [Found(name, letter) for letter in _all(DeadLetterServiceStub(channel), request)]
    _show(found, as_json)


@app.command("show")
def show(
    letter: Annotated[str, typer.Argument(help="The id of the letter.")],
    service: ServiceName = "",
    as_json: AsJson = False,
    target: AnyTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Show a letter and what is in it. Exit status 69 when there is none, or a service does not answer."""
    found = _find(places(WITH_DEAD_LETTERS, service, target), ready_file, letter)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=2))
        return
    for name, value in found.document().items():
        text = json.dumps(value, indent=2) if isinstance(value, dict) else str(value)
        Console().print(f"{name}: {text}", markup=False, highlight=False, soft_wrap=True)


@app.command("replay")
def replay(
    letters: Annotated[list[str] | None, typer.Argument(help="The ids of the letters.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are open, oldest first.")] = False,
    consumer: Consumer = "",
    service: ServiceName = "",
    as_json: AsJson = False,
    target: AnyTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Have the events of letters applied, each once however often this runs.

    Exit status: 0 when all are applied, 1 when some cannot be, 69 when there is no such letter or a service does not
    answer.
    """
    if bool(letters) == everything:
        raise typer.BadParameter("name letters, or say --all")
    if consumer and not everything:
        raise typer.BadParameter("--consumer goes with --all")
    where = places(WITH_DEAD_LETTERS, service, target)
    chosen = _open_ones(where, ready_file, consumer) if everything else _named(where, ready_file, letters or [])

    def change(stub: DeadLetterServiceStub, letter_id: str) -> letter_pb2.DeadLetter:
        request = service_pb2.ReplayDeadLetterRequest(dead_letter_id=letter_id)
        return stub.ReplayDeadLetter(request, timeout=TIMEOUT_SECONDS)

    _end([_changed(one, where[one.service], ready_file, change) for one in chosen], as_json)


@app.command("drop")
def drop(
    letters: Letters,
    service: ServiceName = "",
    as_json: AsJson = False,
    target: AnyTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Have the events of letters never applied. The letters are kept, with who dropped them.

    Exit status: 0 when all are dropped, 1 when one was replayed before, 69 when there is no such letter or a service
    does not answer.
    """
    where = places(WITH_DEAD_LETTERS, service, target)

    def change(stub: DeadLetterServiceStub, letter_id: str) -> letter_pb2.DeadLetter:
        return stub.DropDeadLetter(service_pb2.DropDeadLetterRequest(dead_letter_id=letter_id), timeout=TIMEOUT_SECONDS)

    chosen = _named(where, ready_file, letters)
    _end([_changed(one, where[one.service], ready_file, change) for one in chosen], as_json)


def _all(stub: DeadLetterServiceStub, request: service_pb2.ListDeadLettersRequest) -> Iterator[letter_pb2.DeadLetter]:
    asked = service_pb2.ListDeadLettersRequest()
    asked.CopyFrom(request)
    while True:
        page = stub.ListDeadLetters(asked, timeout=TIMEOUT_SECONDS)
        yield from page.dead_letters
        if not page.next_page_token:
            return
        asked.page_token = page.next_page_token


def _open_ones(where: dict[str, str], ready_file: Path, consumer: str) -> list[Found]:
    """Return all open letters, oldest first: events of one resource are applied in their order."""
    request = service_pb2.ListDeadLettersRequest(consumer=consumer, state=letter_pb2.DeadLetter.OPEN, page_size=PAGE)
    found: list[Found] = []
    for service, address in where.items():
        with calling(service, address, ready_file) as channel:
            letters = list(_all(DeadLetterServiceStub(channel), request))
        found += [Found(service, letter) for letter in reversed(letters)]
    return found


def _named(where: dict[str, str], ready_file: Path, letters: Iterable[str]) -> list[Found]:
    return [_find(where, ready_file, letter) for letter in letters]


def _find(where: dict[str, str], ready_file: Path, letter_id: str) -> Found:
    """Return a letter from whichever service has it, or end the command."""
    for service, address in where.items():
        with calling(service, address, ready_file) as channel:
            try:
                return Found(service, _get(DeadLetterServiceStub(channel), letter_id))
            except grpc.RpcError as error:
                if not _is(error, grpc.StatusCode.NOT_FOUND):
                    raise
    raise failed(f"no such dead letter: {letter_id}")


def _changed(one: Found, address: str, ready_file: Path, change: Change) -> Found:
    """Ask for a change of a letter, and return it as it is then, changed or refused."""
    with calling(one.service, address, ready_file) as channel:
        stub = DeadLetterServiceStub(channel)
        try:
            return Found(one.service, change(stub, one.letter.dead_letter_id))
        except grpc.RpcError as error:
            if not _is(error, grpc.StatusCode.FAILED_PRECONDITION):
                raise
            return Found(one.service, _get(stub, one.letter.dead_letter_id), said_by(error) or "refused")


def _get(stub: DeadLetterServiceStub, letter_id: str) -> letter_pb2.DeadLetter:
    return stub.GetDeadLetter(service_pb2.GetDeadLetterRequest(dead_letter_id=letter_id), timeout=TIMEOUT_SECONDS)


def _is(error: grpc.RpcError, code: grpc.StatusCode) -> bool:
    return isinstance(error, grpc.Call) and error.code() is code


def _end(found: list[Found], as_json: bool) -> None:
    _show(found, as_json)
    for one in found:
        if one.error:
            complain(f"{one.letter.dead_letter_id}: {one.error}")
    raise typer.Exit(EX_REFUSED if any(one.error for one in found) else 0)


def _show(found: list[Found], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([one.document() for one in found], indent=2))
        return
    table = Table("letter", "consumer", "state", "since", "event", "resource", "deliveries", "failed replays", "reason")
    for one in found:
        letter = one.letter
        table.add_row(
            letter.dead_letter_id,
            letter.consumer,
            letter_pb2.DeadLetter.State.Name(letter.state),
            letter.create_time.ToJsonString(),
            letter.event.type or "cannot be read",
            letter.event.aggregate_id,
            str(letter.deliveries),
            str(letter.failed_replays),
            letter.reason.replace("[", r"\["),
        )
    show_table(table)
