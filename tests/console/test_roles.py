"""Roles and actions: what each role may do, held against the contract, and every page tried by every role."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

from console.api.app import PAGES
from console.domain import CONSOLE_SCOPES, SCOPES, Role
from mesh.rpc.routes import contract_routes, scopes_of
from tests.support.console import Browser, Console
from tests.support.merchant.api import Identities, Merchant
from tests.support.waiting import eventually

READ = "orders:read payments:read links:read refunds:read disputes:read events:read webhooks:read routing:read"
TABLE = {
    "viewer": READ,
    "support": f"{READ} orders:write links:write events:write",
    "finance": f"{READ} payments:write links:write refunds:write",
    "developer": f"{READ} orders:write links:write webhooks:write events:write routing:write accounts:read "
    "keys:read keys:write",
    "owner": " ".join([*sorted(scopes_of(contract_routes())), "keys:read keys:write users:read users:write"]),
    "operator": "platform",
}
NOBODY = "00000000-0000-7000-8000-000000000000"
NOT_FOR_YOU = "Not for your role"


@pytest.mark.parametrize("role", list(TABLE))
def test_the_table(role: str) -> None:
    known = scopes_of(contract_routes()) | CONSOLE_SCOPES
    user_scopes = {scope for scope in known if _may(role, scope)}
    assert user_scopes == set(TABLE[role].split())


def _may(role: str, scope: str) -> bool:
    scopes = SCOPES[Role(role)]
    return scope in scopes or ("*" in scopes and scope != "platform")


def test_roles_name_scopes_of_the_contract() -> None:
    known = scopes_of(contract_routes()) | CONSOLE_SCOPES | {"*"}
    for scopes in SCOPES.values():
        assert scopes <= known


def test_every_page_says_who_may() -> None:
    """What needs no scope is one's own account and the first page."""
    own = {page.path for page in PAGES if not page.scope and not page.is_open}
    own_account = {"/account", "/account/password", "/account/totp", "/account/oidc"}
    own_account |= {"/account/passkeys", "/account/passkeys/begin", "/account/passkeys/{passkey_id}"}
    assert own == {"/", "/logout", "/views"} | own_account
    open_to_all = {"/login", "/login/passkey", "/login/passkey/begin", "/login/oidc", "/join", "/join/oidc"}
    assert {page.path for page in PAGES if page.is_open} == open_to_all | {"/oidc/callback"}
    known = scopes_of(contract_routes()) | CONSOLE_SCOPES
    assert {page.scope for page in PAGES if page.scope} <= known
    # what changes something takes more than a right to read
    changing = [page for page in PAGES if page.method == "POST" and page.scope and page.path != "/mode"]
    assert [page.path for page in changing if page.scope.endswith(":read")] == []


def test_every_page_by_every_role(console: Console, merchant: Merchant) -> None:
    owner = console.owner(merchant.merchant_id)
    people = {
        role: console.logged_in(*console.new_person(owner, role)) for role in TABLE if role not in ("owner", "operator")
    }
    people |= {"owner": owner, "operator": console.operator}
    wrong = [
        f"{role}: {page.method} {page.path}"
        for role, browser in people.items()
        for page in PAGES
        if page.scope
        and page.path != "/live/stream"
        and _refused(browser, page.method, page.path) == _expected(role, page.scope)
    ]
    assert wrong == []


def _expected(role: str, scope: str) -> bool:
    return scope in TABLE[role].split()


def _refused(browser: Browser, method: str, path: str) -> bool:
    """Whether the role is not enough; ids are of nothing, so that nothing is done."""
    filled = re.sub(r"\{\w+\}", NOBODY, path)
    if method == "POST" and path in ("/mode", "/keys"):
        # the one would end this test's API key, the other make one
        return NOT_FOR_YOU in browser.post(filled, scopes="no:such", mode="test").text
    answer = browser.get(filled) if method == "GET" else browser.post(filled)
    assert answer.status_code != httpx.codes.INTERNAL_SERVER_ERROR, (method, path, answer.text[-800:])
    refused = NOT_FOR_YOU in answer.text
    assert refused == (answer.status_code == httpx.codes.FORBIDDEN), (method, path, answer.status_code)
    return refused


def test_nobody_gives_more_than_they_have(console: Console, owner: Browser) -> None:
    developer = console.logged_in(*console.new_person(owner, "developer"))
    answer = developer.post("/keys", scopes="refunds:write")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "refunds:write" in answer.text
    assert developer.post("/keys", scopes="").status_code == httpx.codes.BAD_REQUEST
    assert "sk_test_" in developer.post("/keys", scopes="orders:read").text


def test_a_role_that_changes_takes_effect_at_once(console: Console, owner: Browser) -> None:
    email, password = console.new_person(owner, "finance")
    person = console.logged_in(email, password)
    before, _, _ = owner.page("/users").partition(f"Role of {email}")
    user_id = re.findall(r'/users/([\w-]{36})"', before)[-1]
    owner.post(f"/users/{user_id}", verb="role", role="viewer")
    assert not person.is_in
    assert console.logged_in(email, password).post(f"/payments/{NOBODY}/refunds").status_code == httpx.codes.FORBIDDEN
    owner.post(f"/users/{user_id}", verb="disable")
    assert console.browser().log_in(email, password).status_code == httpx.codes.FORBIDDEN
    owner.post(f"/users/{user_id}", verb="enable")
    assert console.logged_in(email, password).is_in


def test_people_of_a_disabled_merchant_are_told_so(
    console: Console, identities: Identities, new_merchant: Callable[..., Merchant]
) -> None:
    merchant_id = new_merchant().merchant_id
    email, password = console.new_owner(merchant_id)
    inside = console.logged_in(email, password)
    assert inside.get("/orders").status_code == httpx.codes.OK
    identities.disable(merchant_id)
    eventually(lambda: inside.get("/orders").status_code == httpx.codes.SEE_OTHER or None, "the end of the session")
    again = console.logged_in(email, password)
    answer = again.get("/orders")
    assert "this merchant is disabled" in answer.text
    assert answer.status_code == httpx.codes.CONFLICT
    identities.enable(merchant_id)
    assert again.get("/orders").status_code == httpx.codes.OK


def test_people_of_a_disabled_merchant_let_nobody_in(
    console: Console, identities: Identities, new_merchant: Callable[..., Merchant]
) -> None:
    merchant_id = new_merchant().merchant_id
    owner = console.logged_in(*console.new_owner(merchant_id))
    email, password = console.new_person(owner, "viewer")
    colleague = re.findall(r'/users/([\w-]{36})"', owner.page("/users"))[-1]
    identities.disable(merchant_id)
    doors = [
        ("/users", {"email": "kim@shop.example", "role": "owner"}),
        (f"/users/{colleague}", {"verb": "reset"}),
        (f"/users/{colleague}", {"verb": "role", "role": "owner"}),
    ]
    for path, form in doors:
        answer = owner.post(path, **form)
        assert answer.status_code == httpx.codes.CONFLICT, (path, form)
        assert "this merchant is disabled" in answer.text
    # whom they sent away stays out as well
    assert owner.post(f"/users/{colleague}", verb="disable").status_code == httpx.codes.SEE_OTHER
    assert owner.post(f"/users/{colleague}", verb="enable").status_code == httpx.codes.CONFLICT
    assert "kim@shop.example" not in owner.page("/users")
    identities.enable(merchant_id)
    assert owner.post(f"/users/{colleague}", verb="enable").status_code == httpx.codes.SEE_OTHER
    assert console.logged_in(email, password).is_in
    assert "kim@shop.example" in owner.post("/users", email="kim@shop.example", role="viewer").text
