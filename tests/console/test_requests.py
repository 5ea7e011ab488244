"""The request log, and who did what: what people do at the console has their names."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import grpc
import httpx
import pytest
from fusionx.audit.v1 import audit_service_pb2, audit_service_pb2_grpc
from fusionx.audit.v1 import request_log_service_pb2 as requests_pb2
from fusionx.audit.v1.request_log_service_pb2_grpc import RequestLogServiceStub

from stack.stack import Ready
from tests.support.console import Browser, Console
from tests.support.merchant.api import LIVE, Merchant
from tests.support.stack.mesh import dial_service
from tests.support.waiting import eventually


def shown(browser: Browser, **query: str) -> str:
    """Return the request log by filters."""
    return browser.get("/requests", **query).text


def test_requests_are_found_by_key_status_path_and_id(
    console: Console, owner: Browser, merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    developer = console.logged_in(*console.new_person(owner, "developer"))
    merchant.new_order(merchant_order_id="Q-1")
    missing = merchant.http.get(f"/v1/payments/{uuid.uuid4()}")
    request_id = missing.headers["x-request-id"]
    eventually(lambda: {"GetPayment", "CreateOrder"} <= set(re.findall(r"\w+", shown(developer))), "the requests")
    # with a trace of the client's own the edge's id is another one
    traced = merchant.http.get("/v1/orders", headers={"traceparent": f"00-{uuid.uuid4().hex}-{'1' * 16}-01"})
    own_id = traced.headers["x-request-id"]
    eventually(lambda: "ListOrders" in shown(developer, id=own_id), "the request of another trace")
    for query in ({"status": "404"}, {"status": "4xx"}, {"path": "/v1/payments"}, {"id": request_id}):
        found = shown(developer, **query)
        assert ("GetPayment" in found, "CreateOrder" in found) == (True, False), query
    (key_id,) = set(re.findall(r"\?key=([\w-]{36})", shown(developer, path="/v1/payments")))
    assert "CreateOrder" in shown(developer, key=key_id)
    for query in ({"status": "200", "path": "/v1/payments"}, {"key": str(uuid.uuid4())}, {"id": str(uuid.uuid4())}):
        assert "Nothing fits" in shown(developer, **query), query
    # nobody else's, by whatever they know, and the other mode has its own
    other = console.owner(new_merchant().merchant_id)
    for query in ({"id": request_id}, {"id": own_id}, {"key": key_id}, {"path": "/v1/payments"}):
        assert "GetPayment" not in shown(other, **query)
    new_merchant(merchant.merchant_id, mode=LIVE).new_order()
    developer.post("/mode", mode="live")
    eventually(lambda: "CreateOrder" in shown(developer), "the live request")
    assert "GetPayment" not in shown(developer)


@pytest.mark.parametrize(
    "query",
    [{"status": "40"}, {"status": "x"}, {"key": "x"}, {"id": "x"}, {"page": "9" * 40}, {"page": "-1"}, {"path": "é\0"}],
)
def test_what_is_no_filter_is_said(owner: Browser, query: dict[str, str]) -> None:
    answer = owner.get("/requests", **query)
    assert answer.status_code in (httpx.codes.OK, httpx.codes.BAD_REQUEST)
    assert answer.status_code == httpx.codes.BAD_REQUEST or not query.keys() & {"status", "key", "id"}


def test_people_have_their_names_in_timeline_and_log(console: Console, owner: Browser, merchant: Merchant) -> None:
    email, password = console.new_person(owner, "finance")
    person = console.logged_in(email, password)
    payment_id = merchant.charge(merchant.new_order("20.00")["order_id"])["payment_id"]
    person.post(f"/payments/{payment_id}/refunds", amount="5.00", currency="EUR", attempt=uuid.uuid4().hex)
    eventually(lambda: f"by {email} · create refund" in owner.page(f"/payments/{payment_id}"), "who has refunded")
    assert "by merchant · create payment" in owner.page(f"/payments/{payment_id}")
    assert email in shown(owner, path=f"/v1/payments/{payment_id}/refunds")
    # also when the session and its key are over
    person.post("/logout")
    eventually(lambda: f"by {email} · create refund" in owner.page(f"/payments/{payment_id}"), "who has refunded")


def test_what_an_operator_does_is_in_the_audit_with_who(console: Console, gateway: Ready) -> None:
    name = f"Audited {uuid.uuid4()}"
    answer = console.operator.post("/platform/merchants", display_name=name)
    user_id = answer.headers["x-console-user"]
    with dial_service(gateway, "audit_svc") as channel:
        audit = audit_service_pb2_grpc.AuditServiceStub(channel)
        newest = audit_service_pb2.ListEntriesRequest(newest_first=True, page_size=1000)

        def entries() -> list[tuple[str, str, int]]:
            return [
                (one.method, one.path, one.http_status)
                for one in audit.ListEntries(newest).entries
                if one.key_id == f"user:{user_id}"
            ]

        eventually(lambda: ("POST", "/console/platform/merchants", 303) in entries(), "the operator's request")


def test_nobody_but_the_console_reads_a_merchants_requests(gateway: Ready, merchant: Merchant) -> None:
    request = requests_pb2.ListRequestsRequest(merchant_id=merchant.merchant_id)
    with dial_service(gateway, "audit_svc") as channel, pytest.raises(grpc.RpcError) as refused:
        RequestLogServiceStub(channel).ListRequests(request)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
