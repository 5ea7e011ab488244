"""What a merchant's people do, each by the role that is there for it, by keyboard alone."""

from __future__ import annotations

from typing import Any

from tests.console_shots.desk import Desk, Person
from tests.support.merchant.receiver import serving
from tests.support.waiting import eventually

LISTS = ("payments", "orders", "payment_links", "refunds", "disputes", "events", "deliveries", "webhooks")
OWNERS_LISTS = {"keys": "/keys", "requests": "/requests", "team": "/users"}


def money(desk: Desk) -> None:
    """Capture, void and refund, as finance; a refund of too much is refused beside its form."""
    finance, merchant = desk.people["finance"], desk.merchant
    for verb in ("capture", "void"):
        order = merchant.new_order("75.00", description=f"To be ended by {verb}")
        payment = merchant.charge(order["order_id"], capture_method="MANUAL")
        _open_row(finance, "payments", payment["payment_id"])
        finance.press(f"[data-open={verb}]")
        if verb == "capture":
            finance.write("#capture-amount", "70.00")
        finance.go(f"#{verb} button.primary")
        finance.done(verb)
    payment = merchant.charge(merchant.new_order("60.00", description="To be refunded")["order_id"])
    _open_row(finance, "payments", payment["payment_id"])
    for amount, name in (("60.01", "refund-refused"), ("10.00", "refund")):
        finance.press("[data-open=refund]")
        finance.write("#refund-amount", amount)
        finance.write("#refund-reason", "One was missing")
        finance.go("#refund button.primary")
        finance.shoot(f"done-{name}")
    eventually(lambda: merchant.payment(payment["payment_id"]).get("refunded_amount"), "the refund")


def _open_row(person: Person, listing: str, identity: str) -> None:
    """Go to a list by the navigation, and open a row of it."""
    person.go(f"nav a[href$='/console/{listing}']")
    person.go(f"a.row[href$='{identity}']")


def links(desk: Desk) -> None:
    """Make a payment link, switch it off and on again, as support; a wrong amount is refused beside its field."""
    support = desk.people["support"]
    for amount, name in (("12,00", "link-refused"), ("49.00", "link-made")):
        support.go("nav a[href$='/console/payment_links']")
        support.press("[data-open=add]")
        support.write("dialog #l-amount", amount)
        support.write("dialog #l-currency", "EUR")
        support.write("dialog #l-description", "Evening course, one place")
        support.go("#add button.primary")
        support.shoot(f"done-{name}")
    for verb in ("disable", "enable"):
        support.go(f"button[value={verb}]")
        support.done(f"link-{verb}d")


def orders(desk: Desk) -> None:
    """Cancel an order, as support."""
    support = desk.people["support"]
    order = desk.merchant.new_order("10.00", merchant_order_id="1060", description="Never wanted")
    _open_row(support, "orders", order["order_id"])
    support.press("[data-open=cancel]")
    support.go("#cancel button.primary")
    support.done("order-cancelled")


def webhooks(desk: Desk) -> None:
    """An endpoint from its making to its end, events sent again, a key from its making to its end, as developer."""
    developer = desk.people["developer"]
    with serving() as receiver:
        developer.go("nav a[href$='/console/webhooks']")
        developer.press("[data-open=add]")
        developer.write("#url", receiver.url)
        developer.write("#types", "order.*")
        developer.write("#description", "A shop for the pictures")
        developer.go("#add button.primary")
        developer.done("endpoint-made")
        receiver.secret = developer.secret()
        for verb in ("rotate", "ping", "disable", "enable", "delete"):
            developer.open("/webhooks")
            developer.go(developer.in_row(receiver.url, f"button[value={verb}]"))
            developer.done(f"endpoint-{verb}")
            if verb == "rotate":
                receiver.secret = developer.secret()
    _open_row(developer, "events", _some_event(desk))
    developer.go("form[action$='/resend'] button")
    developer.done("event-resent")
    developer.open("/events")
    developer.press("[data-open=span]")
    for field in ("#from", "#to"):
        developer.to(field)
        year = developer.page.evaluate("new Date().getUTCFullYear()")
        day = "0101" if field == "#from" else "0102"
        developer.page.keyboard.type(f"{day}{year}")
        developer.page.keyboard.press("Tab")
        developer.page.keyboard.type("1200AM")
    developer.go("#span button.primary")
    developer.done("span-resent")


def _some_event(desk: Desk) -> str:
    return str(desk.merchant.get("/v1/events")["events"][0]["event_id"])


def keys(desk: Desk) -> None:
    """A key from its making to its end, as developer, and as owner one that may do everything."""
    developer = desk.people["developer"]
    developer.go("nav a[href$='/console/keys']")
    developer.press("[data-open=add]")
    developer.tick("input[value='orders:read']")
    developer.write("#networks", "203.0.113.0/24")
    developer.write("#days", "30")
    developer.go("#add button.primary")
    developer.done("key-made")
    developer.open("/keys")
    developer.go(developer.in_row("orders:read", "a.row"))
    for networks, name in (("here", "key-refused"), ("198.51.100.0/24", "key-changed")):
        developer.write("#networks", networks)
        developer.go("button[value=change]")
        developer.shoot(f"done-{name}")
    for verb in ("rotate", "revoke"):
        developer.open("/keys")
        developer.go(developer.in_row("orders:read", f"button[value={verb}]"))
        developer.done(f"key-{verb}d")
    developer.open("/keys")
    desk.made["key"] = developer.page.get_attribute("a.row", "href").rpartition("/")[2]


def rules(desk: Desk) -> None:
    """Change the routing policy in every way, ask who would take a payment, and go back to what it was."""
    developer = desk.people["developer"]
    developer.go("nav a[href$='/routing']")
    developer.press("[data-open=add]")
    developer.write("#name", "france")
    developer.write("#targets", "paypal 3, stripe 1")
    developer.write("#countries", "FR")
    developer.go("#add button.primary")
    developer.done("rule-added")
    for verb, name in (("up", "france"), ("remove", "france"), ("restore", "")):
        developer.open("/routing")
        row = developer.in_row(name, f"button[value={verb}]") if name else "button[value=restore]"
        developer.go(row)
        developer.done(f"rule-{verb}")
    viewer = desk.people["viewer"]
    viewer.go("nav a[href$='/routing']")
    viewer.write("#p-amount", "120")
    viewer.write("#p-country", "FR")
    viewer.go("form.grid button.primary")
    viewer.done("dry-run")


def accounts(desk: Desk) -> None:
    """Set an account at a provider, have it checked, and take it out of use again; then leave another one."""
    owner = desk.logged_in("owner")
    for number in range(2):
        owner.go("nav a[href$='/provider_accounts']")
        owner.press("[data-open=add]")
        owner.choose("#provider", "Bank transfer")
        owner.to("#credentials")
        owner.page.keyboard.type("api_key=bank_acct_shots_1")
        owner.page.keyboard.press("Enter")
        owner.page.keyboard.type("webhook_secret=whsec_shots")
        owner.go("#add button.primary")
        owner.done("account-set")
        if not number:
            owner.go("form[action$='/provider_accounts/bank_transfer'] button")
            owner.done("account-removed")


def looking(desk: Desk) -> None:
    """Search, filter, keep filters and forget them, save files, look at what happens, and see live data: as viewer."""
    viewer = desk.people["viewer"]
    viewer.open("/payments")
    viewer.page.keyboard.press("/")
    viewer.page.keyboard.type("1046")
    with viewer.page.expect_navigation():
        viewer.page.keyboard.press("Enter")
    viewer.shoot("done-search")
    for listing in LISTS:
        viewer.open(f"/{listing}")
        viewer.save(listing)
    for listing, path in OWNERS_LISTS.items():
        desk.logged_in("owner").open(path)
        desk.logged_in("owner").save(listing)
    viewer.open("/payments")
    viewer.press("details.sieve summary")
    viewer.write("#f-currency", "EUR")
    viewer.write("#f-min", "20")
    viewer.go("details.sieve form.grid button.primary")
    viewer.write("input[name=name]", "Large ones")
    viewer.go("details.sieve form[method=post] button")
    viewer.done("filters-kept")
    viewer.go("button[name=forget]")
    _live(desk, viewer)
    for _ in range(2):
        viewer.go("form[action$='/mode'] button")
        viewer.shoot("done-mode")


def _live(desk: Desk, viewer: Person) -> None:
    with viewer.page.expect_response("**/live/stream"):
        viewer.go("nav a[href$='/console/live']")
    # what happens before the stream is open it does not show
    rows: Any = viewer.page.locator("tbody tr")
    eventually(lambda: desk.merchant.new_order(merchant_order_id="live") and rows.count(), "a row")
    viewer.shoot("done-live")


DUTIES = (money, links, orders, webhooks, keys, rules, accounts, looking)
