"""Forms that are sent twice: the page that answered one is loaded again, or an answer was lost."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import httpx

from console.api.app import PAGES
from console.api.web import FOLDER
from tests.support.console import Browser, Console, shown_secret
from tests.support.merchant.api import Merchant

NOBODY = "00000000-0000-7000-8000-000000000000"
ONCE = {
    *("/keys", "/keys/{api_key_id}", "/events/{event_id}/resend"),
    *("/users", "/users/{user_id}", "/platform/users", "/platform/users/{user_id}"),
    *("/platform/merchants", "/platform/merchants/{merchant_id}/users"),
}
"""What only the console can tell from another such request."""
KEYED = {
    *("/payments/{payment_id}/capture", "/payments/{payment_id}/cancel", "/payments/{payment_id}/refunds"),
    *("/payment_links", "/webhooks", "/webhooks/{webhook_endpoint_id}", "/events"),
}
"""What the service takes once under the form's attempt, and answers the same again."""
SAME = {
    # as it is said to be, or refused since it was changed
    *("/mode", "/views", "/logout", "/payment_links/{payment_link_id}", "/orders/{order_id}/cancel", "/routing"),
    *("/provider_accounts", "/provider_accounts/{provider}", "/platform/merchants/{merchant_id}"),
    # a state that is left once
    *("/platform/reviews/{review_id}", "/platform/dead_letters/{service}/{dead_letter_id}"),
    *("/platform/maintenance", "/platform/maintenance/{provider}"),
    # the password before, a code, or a challenge, each of which is good once
    *("/account/password", "/account/totp", "/account/oidc"),
    *("/account/passkeys/begin", "/account/passkeys", "/account/passkeys/{passkey_id}"),
}
"""What is afterwards as it was after the first time."""
SENT_BEFORE = "Sent before"


def twice(browser: Browser, path: str, **fields: str) -> list[httpx.Response]:
    """Send a form as a browser does that loads the answer again."""
    form = {"attempt": secrets.token_hex(16), **fields}
    return [browser.post(path, **form) for _ in range(2)]


def test_each_form_says_how_it_is_kept_from_doing_a_thing_twice() -> None:
    forms = {page.path for page in PAGES if page.method == "POST" and not page.is_open}
    assert forms == ONCE | KEYED | SAME
    assert {page.path for page in PAGES if page.is_once} == ONCE


def test_each_form_has_a_name() -> None:
    """By what every form has: no template makes one of its own."""
    for template in Path(FOLDER / "templates").rglob("*.html"):
        text = template.read_text()
        if template.parent.name == "pay" or template.name in ("login.html", "join.html"):
            continue
        for form in re.findall(r'<form method="post".*?</form>', text, re.DOTALL):
            assert "csrf()" in form or "seen()" in form, (template.name, form)
        if template.name != "parts.html":
            assert 'name="attempt"' not in text, template.name
            assert 'name="form_token"' not in text, template.name


def test_what_has_no_other_guard_is_taken_once(console: Console, owner: Browser) -> None:
    for path in sorted(ONCE):
        who = console.operator if path.startswith("/platform") else owner
        first, second = twice(who, re.sub(r"\{\w+\}", NOBODY, path), email="nobody")
        assert SENT_BEFORE not in first.text, path
        assert SENT_BEFORE in second.text, path
        assert second.status_code == httpx.codes.CONFLICT
        broken = who.post(re.sub(r"\{\w+\}", NOBODY, path), attempt="")
        assert broken.status_code == httpx.codes.BAD_REQUEST, path
        assert "Load its page again" in broken.text, path


def test_a_form_of_a_page_of_0_4_is_taken(console: Console, owner: Browser) -> None:
    """It has no name for this one: nobody knows whether it was sent before."""
    for path in sorted(ONCE):
        who = console.operator if path.startswith("/platform") else owner
        form = who.form() | {"email": "nobody"}
        del form["attempt"]
        for _ in range(2):
            answer = who.http.post(who.root + re.sub(r"\{\w+\}", NOBODY, path), data=form)
            assert SENT_BEFORE not in answer.text, path
            assert "Load its page again" not in answer.text, path
            assert "Out of date" not in answer.text, path


def test_a_key_is_made_and_rotated_once(owner: Browser, merchant: Merchant) -> None:
    made, again = twice(owner, "/keys", scopes="orders:read")
    assert shown_secret(made) not in again.text
    keys = set(re.findall(r"/keys/([\w-]{36})", owner.page("/keys")))
    (key_id,) = keys - {merchant.api_key_id}
    made, again = twice(owner, f"/keys/{key_id}", verb="rotate")
    assert shown_secret(made) not in again.text
    assert len(set(re.findall(r"/keys/([\w-]{36})", owner.page("/keys"))) - keys) == 1


def test_an_endpoint_is_made_rotated_and_tried_once(owner: Browser, merchant: Merchant) -> None:
    made, again = twice(owner, "/webhooks", url="http://127.0.0.1:9/hook")
    assert shown_secret(made) == shown_secret(again)
    (endpoint,) = merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]
    path = f"/webhooks/{endpoint['webhook_endpoint_id']}"
    rotated, again = twice(owner, path, verb="rotate")
    assert shown_secret(rotated) == shown_secret(again) != shown_secret(made)
    places = {answer.headers["location"] for answer in twice(owner, path, verb="ping")}
    assert len(places) == 1


def test_a_merchant_is_made_once(console: Console) -> None:
    name = f"Twice {secrets.token_hex(8)}"
    made, _ = twice(console.operator, "/platform/merchants", display_name=name)
    assert made.is_redirect
    assert console.operator.page("/platform/merchants").count(f'an owner of {name}"') == 1


def test_another_session_knows_nothing_of_what_this_one_sent(console: Console, owner: Browser) -> None:
    form = {"attempt": secrets.token_hex(16), "email": "nobody"}
    for browser in (owner, console.logged_in(*console.new_person(owner, "owner"))):
        assert SENT_BEFORE not in browser.post("/users", **form).text
