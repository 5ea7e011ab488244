"""Two tabs of one session, and a switch between test and live in one of them."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import httpx
from starlette.requests import Request

from console.api.app import PAGES
from console.api.web import Page, Visit
from console.domain import Signer
from tests.support.console import Browser
from tests.support.merchant.api import Merchant

NOBODY = "00000000-0000-7000-8000-000000000000"
OTHER_MODE = "You are in live mode now"
OF_NO_MODE = {
    *("/mode", "/logout", "/views", "/users", "/users/{user_id}"),
    *("/account/password", "/account/totp", "/account/oidc"),
    *("/account/passkeys/begin", "/account/passkeys", "/account/passkeys/{passkey_id}"),
}
"""One's own account, the team, and kept filters: what is the same in both modes."""


def forms() -> list[Page]:
    """Return the forms that a merchant's people send when they are logged in."""
    return [page for page in PAGES if page.method == "POST" and not page.is_open and page.scope != "platform"]


def test_every_form_is_of_a_mode_but_those_about_people() -> None:
    assert {page.path for page in forms() if page.in_any_mode} == OF_NO_MODE


def test_a_page_of_test_data_does_nothing_to_live_data(owner: Browser, merchant: Merchant) -> None:
    shown = owner.form()
    del shown["attempt"]
    assert owner.post("/mode", mode="live").is_redirect
    for page in forms():
        if page.in_any_mode:
            continue
        path = re.sub(r"\{\w+\}", NOBODY, page.path)
        answer = owner.post(path, url="http://127.0.0.1:9/hook", scopes="orders:read", **shown)
        assert answer.status_code == httpx.codes.CONFLICT, (path, answer.status_code)
        assert OTHER_MODE in answer.text, path
        assert "Switch to test at the top" in answer.text, path
    assert "No endpoints" in owner.page("/webhooks")
    assert set(re.findall(r"/keys/([\w-]{36})", owner.page("/keys"))) == {merchant.api_key_id}
    # what is of no mode goes on, the way back too
    assert owner.post("/mode", mode="test", **shown).is_redirect
    assert owner.post("/webhooks", url="http://127.0.0.1:9/hook", **shown).status_code == httpx.codes.OK
    assert len(merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]) == 1


def test_a_page_of_0_4_acts_in_its_sessions_mode(owner: Browser, merchant: Merchant) -> None:
    """While replicas are replaced, pages of either version send their forms to either."""
    form = {"form_token": owner.form_token(), "url": "http://127.0.0.1:9/hook"}
    assert owner.http.post(f"{owner.root}/webhooks", data=form).status_code == httpx.codes.OK
    assert len(merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]) == 1


def test_a_replica_of_0_4_takes_a_form() -> None:
    """It knows the token of the session alone."""
    rooms, token = SimpleNamespace(signer=Signer(["k" * 32])), "session"
    request = Request({"type": "http", "path": "/console/", "query_string": b"", "headers": []})
    user = SimpleNamespace(may=lambda _: True, role="owner")
    visit = Visit(request, cast("Any", rooms), token, cast("Any", user), cast("Any", SimpleNamespace(mode="live")))
    page = bytes(visit.render("error.html", title="", words="").body).decode()
    tokens = set(re.findall(r'name="form_token" value="([^"]+)"', page))
    assert tokens == {rooms.signer.form_token(token, "/console")}
    assert set(re.findall(r'name="page_mode" value="([^"]+)"', page)) == {"live"}
