"""What operators do, by keyboard alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
from fusionx.mesh.v1 import dead_letter_service_pb2 as letters_pb2
from fusionx.mesh.v1.dead_letter_service_pb2_grpc import DeadLetterServiceStub
from fusionx.payment.v1 import review_service_pb2 as review_pb2
from fusionx.payment.v1.review_service_pb2_grpc import ReviewServiceStub

from mesh.ids import utc_now
from tests.console_shots.desk import Desk
from tests.console_shots.team import change, invite
from tests.support.merchant.api import Json
from tests.support.poison import poisoned, publish_as_owner
from tests.support.stack.mesh import dial_service
from tests.support.waiting import eventually

LISTS = {
    "audit": "/platform/audit",
    "reviews": "/platform/reviews?resolved=yes",
    "dead_letters": "/platform/dead_letters",
    "merchants": "/platform/merchants",
    "differences": "/platform/reconciliation?provider=stripe&days=1",
    "maintenances": "/platform/maintenance",
    "operators": "/platform/users",
}
BACK = "https://shop.example/back"


def trouble(desk: Desk) -> None:
    """Bring about what operators look at: two reviews, of which one takes two people, and two dead letters."""
    _dispute(desk)
    for amount, sent in (("12.00", "1100"), ("1500.00", "140000")):
        _differs(desk, amount, sent)
    desk.made["letter"] = _buried(desk)


def _dispute(desk: Desk) -> None:
    payment = desk.merchant.charge(desk.merchant.new_order("30.00", description="Not received")["order_id"])
    desk.provider.dispute(payment["provider_reference"], "create", reason="product_not_received")
    found = eventually(lambda: desk.merchant.get("/v1/disputes")["disputes"], "the dispute")
    desk.made["dispute"] = found[0]["dispute_id"]


def _differs(desk: Desk, amount: str, sent: str) -> None:
    """Have a customer transfer another amount."""
    order_id = desk.merchant.new_order(amount, description="By bank transfer")["order_id"]
    body: Json = {"order_id": order_id, "provider": "bank_transfer", "return_url": BACK}
    payment = desk.merchant.post("/v1/payments", body)
    assert httpx.post(f"{payment['redirect_url']}/send", data={"payer": "ordinary", "amount": sent}).status_code < 400
    eventually(lambda: payment["payment_id"] in _reviewed(desk), "the review")


def _reviewed(desk: Desk) -> set[str]:
    with dial_service(desk.gateway, "payment_svc") as channel:
        found = ReviewServiceStub(channel).ListReviews(review_pb2.ListReviewsRequest(page_size=100), timeout=10)
    return {one.payment_id for one in found.reviews}


def _buried(desk: Desk) -> str:
    """Have two events buried: one that can be applied afterwards, and one that never can."""
    with ThreadPoolExecutor(1) as thread:
        # this one has an event loop of the browser's
        published = publish_as_owner(desk.gateway, "fusionx.order.v1.succeeded", b"\xff no event")
        thread.submit(asyncio.run, published).result()
    order_id = desk.merchant.new_order("14.00", description="Poisoned for a while")["order_id"]
    with poisoned(desk.gateway, order_id):
        desk.merchant.charge(order_id)
        return eventually(lambda: _letter(desk, "order_svc"), "the dead letter", seconds=180)


def _letter(desk: Desk, service: str) -> str:
    with dial_service(desk.gateway, service) as channel:
        found = DeadLetterServiceStub(channel).ListDeadLetters(letters_pb2.ListDeadLettersRequest(page_size=1))
    return str(found.dead_letters[0].dead_letter_id) if found.dead_letters else ""


def people(desk: Desk) -> None:
    """Let a second operator in, and do to a third one all that may be done."""
    operator = desk.logged_in("operator")
    desk.people["second"] = desk.person("operator").join(
        invite(operator, "/platform/users", "second@demo.example", "operator")
    )
    invite(operator, "/platform/users", "nobody@demo.example", "operator")
    operator.open("/platform/users")
    operator.go("button[value=withdraw]")
    operator.done("operator-withdrawn")
    change(desk, operator, "/platform/users", "operator")


def reviews(desk: Desk) -> None:
    """Answer both questions about money; the greater one takes a second person."""
    operator, second = desk.logged_in("operator"), desk.people["second"]
    for _ in range(2):
        operator.open("/platform/reviews")
        operator.go(operator.in_row("Open", "a.row"))
        operator.choose("#resolution", "Give back")
        operator.write("#why", "The bank's books say so.")
        operator.go("form.form button.primary")
        operator.done("review-answered")
    second.open("/platform/reviews")
    second.go("a.row")
    second.choose("#resolution", "Give back")
    second.write("#why", "Looked as well.")
    second.go("form.form button.primary")
    second.done("review-confirmed")
    second.open("/platform/reviews?resolved=yes")
    desk.made["review"] = second.page.get_attribute("a.row", "href").rpartition("/")[2]


def letters(desk: Desk) -> None:
    """Have one letter applied and drop the other."""
    operator = desk.logged_in("operator")
    for service, verb in (("order_svc", "replay"), ("notify_svc", "drop")):
        operator.open("/platform/dead_letters")
        operator.go(f"a.row[href*='/{service}/']")
        operator.shoot(f"letter-{verb}")
        operator.go(f"button[value={verb}]")
        operator.done(f"letter-{verb}")


def merchants(desk: Desk) -> None:
    """Create a merchant, invite its owner, disable and enable it; its owner sees lists with nothing in them."""
    operator = desk.logged_in("operator")
    operator.go("nav a[href$='/platform/merchants']")
    operator.write("input[name=display_name]", "Shoes Ltd")
    operator.go("form button.primary")
    operator.done("merchant-made")
    operator.write("input[name=email]", "owner@shoes.example")
    with operator.page.expect_navigation():
        operator.page.keyboard.press("Enter")
    operator.done("owner-invited")
    desk.people["newcomer"] = desk.person("owner").join(operator.secret())
    for verb in ("disable", "enable"):
        operator.open("/platform/merchants")
        operator.go(f"button[value={verb}]")
        operator.done(f"merchant-{verb}d")


def books(desk: Desk) -> None:
    """Compare a provider's books."""
    operator = desk.logged_in("operator")
    operator.go("nav a[href$='/platform/reconciliation']")
    operator.choose("select[name=provider]", "Stripe")
    operator.go("form button.primary")
    operator.shoot("done-compared")
    operator.write("input[name=name]", "Stripe's day")
    operator.go("form[action$='/views'] button:not([name])")
    operator.done("comparison-kept")
    operator.go("button[name=forget]")


def upkeep(desk: Desk) -> None:
    """Look at circuits and what waits, take a provider out of routing and back, twice: one stays for the pictures."""
    operator = desk.logged_in("operator")
    for name in ("circuits", "backlog"):
        operator.go(f"nav a[href$='/platform/{name}']")
        operator.shoot(f"done-{name}")
    for until in (False, True):
        operator.go("nav a[href$='/platform/maintenance']")
        operator.press("[data-open=start]")
        operator.choose("#provider", "Bank transfer")
        if until:
            operator.write("#until", f"{utc_now() + timedelta(days=2):%Y-%m-%d} 18:00")
        operator.write("#why", "The bank has announced it.")
        operator.go("#start button.primary")
        operator.done("maintenance-started")
        if not until:
            operator.go("form[action$='/platform/maintenance/bank_transfer'] button")
            operator.done("maintenance-ended")


def audit(desk: Desk) -> None:
    """Look for something in the audit, and verify it."""
    operator = desk.logged_in("operator")
    operator.go("nav a[href$='/platform/audit']")
    operator.press("details.sieve summary")
    operator.write("#f-path", "/console/platform")
    operator.go("details.sieve button.primary")
    operator.shoot("done-audit-found")
    operator.write("input[name=name]", "The platform's pages")
    operator.go("details.sieve form[method=post] button")
    operator.done("audit-filters-kept")
    operator.go("button[name=forget]")
    operator.go("a[href$='/platform/audit/chain']")
    operator.go("a[href$='go=yes']")
    operator.done("chain-verified")
    for listing, path in LISTS.items():
        operator.open(path)
        operator.save(listing)


DUTIES = (people, reviews, letters, merchants, books, upkeep, audit)
