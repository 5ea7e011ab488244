"""Every screen, of those who have it: at two widths, light and dark, with its dialogs open."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Error

from console.api.app import PAGES
from console.domain import SCOPES, Role
from tests.console_shots.camera import LOOKS
from tests.console_shots.desk import PASSWORD, Desk
from tests.console_shots.links import walk
from tests.console_shots.team import ROLES, invite

NOBODY = "00000000-0000-7000-8000-000000000000"
MERCHANT_PAGES = {
    "overview": "/",
    "payments": "/payments",
    "payments-filtered": "/payments?status=SUCCESS&min=20&currency=EUR",
    "payments-refused": "/payments?min=20",
    "search": "/search?q=1041",
    "search-nothing": "/search?q=nothing-like-it",
    "payment": "/payments/{payment}",
    "payment-said": "/payments/{payment}/provider",
    "payment-held": "/payments/{held}",
    "payment-failed": "/payments/{failed}",
    "orders": "/orders",
    "order": "/orders/{order}",
    "order-new": "/orders/{new}",
    "links": "/payment_links",
    "link": "/payment_links/{link}",
    "refunds": "/refunds",
    "disputes": "/disputes",
    "dispute": "/disputes/{dispute}",
    "webhooks": "/webhooks",
    "events": "/events",
    "event": "/events/{event}",
    "deliveries": "/deliveries",
    "live": "/live",
    "requests": "/requests",
    "requests-filtered": "/requests?status=4xx",
    "keys": "/keys",
    "key": "/keys/{key}",
    "routing": "/routing",
    "routing-asked": "/routing?amount=120&currency=EUR&country=FR",
    "accounts": "/provider_accounts?check=bank_transfer",
    "team": "/users",
    "account": "/account",
    "missing": f"/payments/{NOBODY}",
}
EMPTY = (
    "overview",
    "payments",
    "orders",
    "links",
    "refunds",
    "disputes",
    "webhooks",
    "events",
    "deliveries",
    "keys",
    "routing",
    "accounts",
)
OPERATOR_PAGES = {
    "platform": "/platform",
    "reviews": "/platform/reviews",
    "reviews-all": "/platform/reviews?resolved=yes",
    "review": "/platform/reviews/{review}",
    "letters": "/platform/dead_letters",
    "letter": "/platform/dead_letters/order_svc/{letter}",
    "merchants": "/platform/merchants",
    "operators": "/platform/users",
    "circuits": "/platform/circuits",
    "maintenance": "/platform/maintenance",
    "backlog": "/platform/backlog",
    "audit": "/platform/audit",
    "audit-filtered": "/platform/audit?status=4xx",
    "chain": "/platform/audit/chain",
    "chain-verified": "/platform/audit/chain?go=yes",
    "reconciliation": "/platform/reconciliation",
    "reconciliation-compared": "/platform/reconciliation?provider=stripe&days=1",
    "operator-account": "/account",
}


def take(desk: Desk, only: str) -> None:
    """Take all pictures."""
    wanted = set(only.split(",")) if only else set()
    desk.made["join"] = invite(desk.logged_in("owner"), "/users", "coming@demo.example", "viewer")
    login = desk.gateway.console
    for look in LOOKS:
        if not wanted or wanted & {"login", "join"}:
            _doors(desk, look)
        owner, operator = (login["owner"], login["password"]), (login["operator"], login["password"])
        _tour(desk, "owner", owner, {name: path for name, path in MERCHANT_PAGES.items() if _is_in(name, wanted)}, look)
        _tour(desk, "operator", operator, {n: p for n, p in OPERATOR_PAGES.items() if _is_in(n, wanted)}, look)
        empty = {f"empty-{name}": MERCHANT_PAGES[name] for name in EMPTY if _is_in(f"empty-{name}", wanted)}
        _tour(desk, "owner", ("owner@shoes.example", PASSWORD), empty, look)
        if not wanted or "pay" in wanted:
            _customers(desk, look)
    if not wanted:
        _others(desk)


def _is_in(name: str, wanted: set[str]) -> bool:
    return not wanted or name in wanted


def _doors(desk: Desk, look: str) -> None:
    """Show what those see who have not logged in."""
    with desk.camera.context(look, "stranger") as context:
        page = context.new_page()
        page.goto(f"{desk.gateway.console['url']}/login")
        desk.camera.shoot(page, "login", look)
        page.goto(desk.made["join"])
        desk.camera.shoot(page, "join", look)


def _tour(desk: Desk, role: str, login: tuple[str, str], pages: dict[str, str], look: str) -> None:
    if not pages:
        return
    url = desk.gateway.console["url"]
    with desk.camera.context(look, role) as context:
        page = context.new_page()
        page.goto(f"{url}/login")
        page.fill("#email", login[0])
        page.fill("#password", login[1])
        page.click("button.primary")
        for name, path in pages.items():
            try:
                page.goto(url + path.format(**desk.made))
                desk.camera.shoot_with_dialogs(page, name, look, role)
            except (Error, KeyError) as error:
                # the others are looked at nevertheless
                desk.camera.wrong(f"{name}-{look}: {type(error).__name__}: {error}")
        if look.startswith("390") and role == "owner" and "overview" in pages:
            page.goto(url)
            page.click("[data-menu]")
            desk.camera.shoot(page, "menu", look, role)


def _others(desk: Desk) -> None:
    """Have the other roles look at all that is theirs: they are shown nothing that they may not do."""
    for role in ROLES:
        person = desk.people[role]
        for path in MERCHANT_PAGES.values():
            if _may(role, path):
                person.open(path.format(**desk.made))
                desk.camera.ledger.look(person.page, role)


def _may(role: str, path: str) -> bool:
    """Whether a role has a screen, by its first segment."""
    first = path.partition("?")[0].split("/")[1]
    scopes = {page.scope for page in PAGES if page.method == "GET" and page.path.split("/")[1] == first}
    return scopes <= {"", *SCOPES[Role(role)]}


def _customers(desk: Desk, look: str) -> None:
    """Show what customers see of payment links."""
    with desk.camera.context(look, "pay") as context:

        def shoot(page: Any, name: str) -> None:
            desk.camera.shoot(page, name, look)

        try:
            for wrong in walk(context, desk.merchant, shoot):
                desk.camera.wrong(wrong)
        except (Error, AssertionError) as error:
            desk.camera.wrong(f"pay-{look}: {type(error).__name__}: {error}")
