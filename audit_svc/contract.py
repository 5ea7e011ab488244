"""Audit entries as messages of the contract."""

from __future__ import annotations

from dataclasses import asdict, astuple
from datetime import UTC, datetime

from fusionx.audit.v1 import audit_service_pb2, entry_pb2, request_log_service_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from audit_svc.domain.entry import Query, RequestQuery, Row, Verdict

REQUESTS = 50
"""How many requests a page has where nothing else is asked for."""


def moment(request: Message, field: str) -> datetime | None:
    """Return a time of a request, None where it is not set."""
    if not request.HasField(field):
        return None
    stamp: Timestamp = getattr(request, field)
    return stamp.ToDatetime(UTC)


def query(request: audit_service_pb2.ListEntriesRequest) -> Query:
    """Return what a request asks for."""
    return Query(
        merchant_id=request.merchant_id,
        start=moment(request, "from_time"),
        end=moment(request, "to_time"),
        after=request.after_seq,
        limit=request.page_size,
        newest_first=request.newest_first,
    )


def request_query(request: request_log_service_pb2.ListRequestsRequest) -> RequestQuery:
    """Return what is asked for of a merchant's requests."""
    return RequestQuery(
        merchant_id=request.merchant_id,
        key_id=request.key_id,
        trace_ids=list(request.trace_ids),
        path=request.path,
        statuses=(request.status_from, request.status_to),
        request_id=request.request_id,
        before=request.before_seq,
        limit=request.page_size or REQUESTS,
    )


def search_query(request: audit_service_pb2.SearchEntriesRequest) -> RequestQuery:
    """Return what an operator looks for."""
    return RequestQuery(
        merchant_id=request.merchant_id,
        key_id=request.key_id,
        trace_ids=[request.trace_id] if request.trace_id else [],
        path=request.path,
        statuses=(request.status_from, request.status_to),
        request_id=request.request_id,
        before=request.before_seq,
        limit=request.page_size or REQUESTS,
        start=moment(request, "from_time"),
        end=moment(request, "to_time"),
    )


def entry(row: Row) -> entry_pb2.Entry:
    """Return a row as a message."""
    values = asdict(row.entry)
    time = values.pop("time")
    message = entry_pb2.Entry(seq=row.seq, prev_hash=row.prev_hash, hash=row.hash, **values)
    message.time.FromDatetime(time)
    return message


def verdict(found: Verdict) -> audit_service_pb2.VerifyChainResponse:
    """Return what a walk has found as a message."""
    message = audit_service_pb2.VerifyChainResponse(
        checked=found.checked, last_seq=found.last.seq, last_hash=found.last.hash, done=found.done
    )
    if found.cut:
        cut = found.cut
        message.cut.seq, message.cut.hash, message.cut.archive_sha256 = *astuple(cut.link), cut.archive_sha256
        message.cut.actor, message.cut.reason = cut.actor, cut.reason
        message.cut.time.FromDatetime(cut.time)
    if found.fault:
        message.fault.seq = found.fault.seq
        message.fault.kind = audit_service_pb2.Fault.Kind.Value(found.fault.kind)
    return message
