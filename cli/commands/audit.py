"""`fusionxpay audit`: look at what came in at the edge, prove that the record is whole, and take it elsewhere."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from fusionx.audit.v1 import audit_service_pb2 as audit_pb2
from fusionx.audit.v1 import entry_pb2
from fusionx.audit.v1.audit_service_pb2_grpc import AuditServiceStub

from cli.audit_archive import ArchiveError, anchor_before, take_out, write
from cli.moments import moment
from cli.operator_api import READY_FILE, Ready, calling, ready_document
from mesh.rpc.dial import tls_of, tls_of_environment
from mesh.signatures.anchors import Anchor, AnchorError, newest_first, seq_of

TIMEOUT_SECONDS = 60.0
PAGE = 1000
LOOK_SECONDS = 0.5
FIELDS = [field.name for field in entry_pb2.Entry.DESCRIPTOR.fields]

app = typer.Typer(help="The audit of every request at the edge.", no_args_is_help=True)
Target = Annotated[
    str, typer.Option("--target", envvar="FUSIONXPAY_AUDIT_TARGET", help="host:port of the audit service.")
]
Merchant = Annotated[str, typer.Option(help="Only requests of this merchant.")]
Since = Annotated[
    datetime | None,
    typer.Option("--from", parser=moment, help="Only requests from here on, UTC where it has no zone. Default: all."),
]
Until = Annotated[
    datetime | None,
    typer.Option("--to", parser=moment, help="Only requests before, UTC where it has no zone. Default: all."),
]
Anchors = Annotated[
    Path | None,
    typer.Option(envvar="FUSIONXPAY_AUDIT_ANCHORS", help="Folder of the anchors. Default: that of `fusionxpay up`."),
]

Owner = Annotated[
    str,
    typer.Option(
        envvar="FUSIONXPAY_AUDIT_OWNER_URL",
        help="The audit's database, with the role that owns its tables. Rather by the environment.",
    ),
]


class Format(StrEnum):
    """How entries are written."""

    JSONL = "jsonl"
    CSV = "csv"


@app.command()
def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=PAGE, help="How many of the newest to show.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in.")] = False,
    merchant: Merchant = "",
    target: Target = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Show the newest requests, the last one at the end."""
    with calling("audit_svc", target, ready_file) as channel:
        stub = AuditServiceStub(channel)
        # the newest one also says where following begins
        wanted = audit_pb2.ListEntriesRequest(merchant_id=merchant, page_size=max(1, lines), newest_first=True)
        newest = list(stub.ListEntries(wanted, timeout=TIMEOUT_SECONDS).entries)
        for entry in reversed(newest[:lines]):
            typer.echo(line_of(entry))
        after = newest[0].seq if newest else 0
        while follow:
            for entry in entries_after(stub, audit_pb2.ListEntriesRequest(merchant_id=merchant, after_seq=after)):
                typer.echo(line_of(entry))
                after = entry.seq
            time.sleep(LOOK_SECONDS)


@app.command()
def verify(
    since: Since = None,
    until: Until = None,
    head: Annotated[
        str, typer.Option(help="What an earlier run ended with, as NUMBER:HASH: that entry must be there still.")
    ] = "",
    anchors: Anchors = None,
    target: Target = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Walk the hash chain, and name the first entry that was altered, taken out or put in; hold it against its anchors.

    Exit status: 0 when all is as it was written, 1 when it is not, 69 when the service does not answer.
    """
    expected = _link(head) if head else None
    request = audit_pb2.VerifyChainRequest()
    _set_span(request, since, until)
    with calling("audit_svc", target, ready_file) as channel:
        stub = AuditServiceStub(channel)
        checked, part, cut = _walk(stub, request)
        if expected:
            _hold_head(stub, *expected, _newest_cut(stub, cut, request))
        folder, cas = _anchors_and_cas(anchors, target, ready_file)
        held = hold(stub, newest_first(folder), cas, None if until else part.last_seq, cut) if folder else None
    if cut:
        typer.echo(
            f"entries up to {cut.seq} were taken out on {cut.time.ToJsonString()} by {cut.actor} ({cut.reason});"
            f" SHA-256 of their archive: {cut.archive_sha256.hex()}"
        )
    if held:
        typer.echo(f"entry {held.seq} is the one that was anchored at {held.time.isoformat()}")
    typer.echo(f"{checked} entries are as they were written; the last is {part.last_seq}:{part.last_hash.hex()}")


@app.command()
def drop(
    before: Annotated[
        datetime, typer.Option(parser=moment, help="Only what was anchored before, UTC where it has no zone.")
    ],
    archive: Annotated[Path, typer.Option(help="New file that the entries are written to first: .jsonl.gz.")],
    by: Annotated[str, typer.Option(help="Who takes them out; stays in the audit.")],
    why: Annotated[str, typer.Option(help="Why; stays in the audit.")],
    anchors: Anchors = None,
    url: Owner = "",
    target: Target = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Write the oldest entries to a file and take them out of the database; what is left hangs on their last hash.

    That hash was anchored: `verify` goes on from there, and names who took out what is before. Only the owner of the
    tables can. Keep the file, and its digest elsewhere.
    """
    with calling("audit_svc", target, ready_file) as channel:
        stub = AuditServiceStub(channel)
        folder, cas = _anchors_and_cas(anchors, target, ready_file)
        if not folder:
            raise typer.BadParameter("without anchors nothing may be taken out", param_hint="--anchors")
        try:
            anchor = anchor_before(folder, cas, before)
            _walk(stub, audit_pb2.VerifyChainRequest())
            found = entries_after(stub, audit_pb2.ListEntriesRequest())
            wanted = (document(entry) for entry in takewhile(lambda entry: entry.seq <= anchor.seq, found))
            digest = write(archive, wanted, anchor)
            owner = url or str(ready_document(ready_file, "--url")["database_urls"]["audit"])
            count = take_out(owner, anchor, digest, by, why)
        except (AnchorError, ArchiveError, OSError, psycopg.Error) as error:
            raise _not_intact(str(error)) from None
    typer.echo(f"{count} entries up to {anchor.seq} are in {archive}, SHA-256 {digest.hex()}, and out of the database")


@app.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="How to write the entries.")] = Format.JSONL,
    since: Since = None,
    until: Until = None,
    merchant: Merchant = "",
    target: Target = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Write entries to standard output, oldest first."""
    request = audit_pb2.ListEntriesRequest(merchant_id=merchant)
    _set_span(request, since, until)
    with calling("audit_svc", target, ready_file) as channel:
        found = entries_after(AuditServiceStub(channel), request)
        if form is Format.JSONL:
            for entry in found:
                typer.echo(json.dumps(document(entry)))
        else:
            writer = csv.DictWriter(sys.stdout, FIELDS)
            writer.writeheader()
            writer.writerows(document(entry) for entry in found)


def entries_after(stub: AuditServiceStub, request: audit_pb2.ListEntriesRequest) -> Iterator[entry_pb2.Entry]:
    """Return every entry that there is now after the request's cursor, page by page."""
    request.page_size = PAGE
    while True:
        page = stub.ListEntries(request, timeout=TIMEOUT_SECONDS).entries
        yield from page
        if len(page) < PAGE:
            return
        request.after_seq = page[-1].seq


def document(entry: entry_pb2.Entry) -> dict[str, Any]:
    """Return an entry as plain values: its time as RFC 3339, its hashes in hexadecimal."""
    values = {name: getattr(entry, name) for name in FIELDS}
    return values | {
        "time": entry.time.ToJsonString(),
        "prev_hash": entry.prev_hash.hex(),
        "hash": entry.hash.hex(),
    }


def line_of(entry: entry_pb2.Entry) -> str:
    """Return an entry for people: when, who, what, and how it ended."""
    who = entry.merchant_id or "-"
    what = f"{entry.method} {entry.path}"
    how = f"{entry.http_status}" + (f" grpc={entry.grpc_status}" if entry.grpc_status > 0 else "")
    took = f"{entry.duration_us / 1000:.1f}ms"
    return f"{entry.seq} {entry.time.ToJsonString()} {how} {took} {who} {entry.client} {what} {entry.request_id}"


def _walk(
    stub: AuditServiceStub, request: audit_pb2.VerifyChainRequest
) -> tuple[int, audit_pb2.VerifyChainResponse, audit_pb2.Cut | None]:
    """Walk a span of the chain: how many entries there are, the last part, and the cut that the span begins at."""
    checked, cut = 0, None
    while True:
        part = stub.VerifyChain(request, timeout=TIMEOUT_SECONDS)
        checked += part.checked
        cut = part.cut if part.HasField("cut") else cut
        if part.HasField("fault"):
            kind = audit_pb2.Fault.Kind.Name(part.fault.kind)
            raise _not_intact(f"entry {part.fault.seq} is {kind}; {checked} before it are right")
        if part.done:
            return checked, part, cut
        request.after_seq = part.last_seq


def _newest_cut(
    stub: AuditServiceStub, cut: audit_pb2.Cut | None, request: audit_pb2.VerifyChainRequest
) -> audit_pb2.Cut | None:
    """Return where the chain begins, also for a walk that began later."""
    if cut or not request.HasField("from_time"):
        return cut
    first = stub.VerifyChain(audit_pb2.VerifyChainRequest(), timeout=TIMEOUT_SECONDS)
    return first.cut if first.HasField("cut") else None


def _hold_head(stub: AuditServiceStub, seq: int, digest: str, cut: audit_pb2.Cut | None) -> None:
    """End the command where an entry that was there once is another now, or was taken out and is in an archive."""
    if cut and seq < cut.seq:
        archive = cut.archive_sha256.hex()
        raise _not_intact(f"entry {seq} was taken out: look for it in the archive of SHA-256 {archive}, or one before")
    is_there = cut.hash.hex() == digest if cut and seq == cut.seq else _is_there(stub, seq, digest)
    if not is_there:
        raise _not_intact(f"entry {seq} is not the one that was there: ALTERED")


def hold(
    stub: AuditServiceStub, files: Iterator[Path], cas: bytes, last: int | None, cut: audit_pb2.Cut | None = None
) -> Anchor | None:
    """Return the newest anchor, at which the chain must be as it was; None where there is none.

    The chain was walked, so what is right there is right before; what a cut took out must have ended with an anchored
    entry. Ends the command with status 1 where it is not so, and when the chain ends before, at `last`.
    """
    paths = list(files)
    try:
        if cut and not any(
            Anchor.read(path, cas, "audit_svc").hash == cut.hash.hex() for path in paths if seq_of(path) == cut.seq
        ):
            raise _not_intact(f"entries up to {cut.seq} were taken out, and no anchor says that this is where they end")
        anchors = (Anchor.read(path, cas, "audit_svc") for path in paths)
        newest = next(anchors, None)
        if newest is None:
            return None
        if last is not None and newest.seq > last:
            raise _not_intact(f"entry {last + 1} is MISSING: {newest.seq} was anchored at {newest.time.isoformat()}")
        if _is_there(stub, newest.seq, newest.hash) or (cut and cut.seq == newest.seq):
            return newest
        right = next((one for one in anchors if _is_there(stub, one.seq, one.hash)), None)
    except AnchorError as error:
        raise _not_intact(str(error)) from None
    since = f"after entry {right.seq}" if right else "somewhere"
    raise _not_intact(f"the chain was ALTERED {since}: entry {newest.seq} is not the one that was anchored")


def _anchors_and_cas(anchors: Path | None, target: str, ready_file: Path) -> tuple[Path | None, bytes]:
    """Return where the anchors are, and whose signatures are believed."""
    said = {} if target else ready_document(ready_file, "--target")
    folder = anchors or (Path(said["audit_anchors"]) if said.get("audit_anchors") else None)
    tls = tls_of_environment() or tls_of(said.get("operator_tls", {}))
    if folder and not tls:
        raise typer.BadParameter("anchors are verified by the CA of the mesh: name the operator's certificate")
    return folder, tls.ca.read_bytes() if tls else b""


def _set_span(
    request: audit_pb2.VerifyChainRequest | audit_pb2.ListEntriesRequest, since: datetime | None, until: datetime | None
) -> None:
    if since:
        request.from_time.FromDatetime(since)
    if until:
        request.to_time.FromDatetime(until)


def _link(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdigit() or not int(number) or len(digest) != 64:
        raise typer.BadParameter("--head is NUMBER:HASH, as `audit verify` prints it")
    return int(number), digest.lower()


def _is_there(stub: AuditServiceStub, seq: int, digest: str) -> bool:
    request = audit_pb2.ListEntriesRequest(after_seq=seq - 1, page_size=1)
    found = stub.ListEntries(request, timeout=TIMEOUT_SECONDS).entries
    return bool(found) and found[0].seq == seq and found[0].hash.hex() == digest


def _not_intact(what: str) -> typer.Exit:
    typer.echo(what, err=True)
    return typer.Exit(1)
