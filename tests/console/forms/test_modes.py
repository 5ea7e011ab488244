"""Two tabs of one session, and a switch between test and live in one of them."""

from __future__ import annotations

import re

import httpx

from console.api.app import PAGES
from console.api.web import Page
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
    token = owner.form_token()
    assert owner.post("/mode", mode="live").is_redirect
    for page in forms():
        if page.in_any_mode:
            continue
        path = re.sub(r"\{\w+\}", NOBODY, page.path)
        answer = owner.post(path, form_token=token, url="http://127.0.0.1:9/hook", scopes="orders:read")
        assert answer.status_code == httpx.codes.CONFLICT, (path, answer.status_code)
        assert OTHER_MODE in answer.text, path
        assert "Switch to test at the top" in answer.text, path
    assert "No endpoints" in owner.page("/webhooks")
    assert set(re.findall(r"/keys/([\w-]{36})", owner.page("/keys"))) == {merchant.api_key_id}
    # what is of no mode goes on, the way back too
    assert owner.post("/mode", form_token=token, mode="test").is_redirect
    assert owner.post("/webhooks", form_token=token, url="http://127.0.0.1:9/hook").status_code == httpx.codes.OK
    assert len(merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]) == 1
