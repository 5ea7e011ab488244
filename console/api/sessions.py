"""Logging in and out, and which of the merchant's two sets of data is shown."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from console.api.people import place_of
from console.api.web import ROOT, Page, Visit, local
from console.domain import AccountError, User
from console.use_cases.accounts import SeveralLoginsError
from mesh.ids import parse_uuid


async def show_login(visit: Visit) -> Response:
    """Ask who it is."""
    if visit.user:
        return visit.go(local(visit.query("next")))
    return show_login_form(visit, next=visit.query("next"))


def show_login_form(visit: Visit, code: int = 200, **values: Any) -> Response:
    """Ask who it is, by all ways that there are."""
    return visit.render(
        "login.html",
        code,
        oidc_name=visit.rooms.oidc_name,
        passkey_host=visit.rooms.passkeys.site.host,
        **values,
    )


async def log_in(visit: Visit) -> Response:
    """Begin a session, or say what is not right."""
    form = visit.form
    known = {"email": form.get("email", ""), "next": form.get("next", "")}
    try:
        password, code, chosen = form.get("password", ""), form.get("code", "").strip(), form.get("account", "")
        user = await visit.rooms.accounts.check(known["email"], password, code, parse_uuid(chosen), visit.networks)
        return await begin_session(visit, user, known["next"])
    except AccountError as error:
        return show_login_form(visit, 403, **known, error=str(error), field=error.field)
    except SeveralLoginsError as several:
        logins = [(one.user_id, await place_of(visit, one.merchant_id)) for one in several.users]
        return show_login_form(visit, 200, **known, logins=logins)


async def begin_session(visit: Visit, user: User, back: str) -> Response:
    """Begin a session, whatever the browser was in before. Raises AccountError."""
    rooms = visit.rooms
    # the audit has who has come in
    visit.user = user
    token = await rooms.sessions.open(user, visit.request.headers.get("user-agent", ""))
    if visit.token:
        await rooms.sessions.close(visit.token)
    answer = visit.go("/platform" if user.is_operator and not back else local(back))
    path = "/" if rooms.is_secure else ROOT
    answer.set_cookie(rooms.cookie, token, path=path, secure=rooms.is_secure, httponly=True, samesite="lax")
    return answer


def show_dead_link(visit: Visit, words: str = "") -> Response:
    """Say that a link leads nowhere."""
    words = words or "It was used before, is too old, or there is a newer one. Ask for a new one."
    return visit.render("error.html", 404, title="This link does not hold", words=words)


async def show_link(visit: Visit) -> Response:
    """Ask who has come by a link for a password. Looking at it, as mail programs do, uses nothing up."""
    token = visit.query("token")
    ticket = await visit.rooms.invitations.find(token)
    if ticket is None:
        return show_dead_link(visit)
    return visit.render("join.html", ticket=ticket, token=token, oidc_name=visit.rooms.oidc_name)


async def take_link(visit: Visit) -> Response:
    """Let somebody in who has come by a link."""
    token, invitations = visit.form.get("token", ""), visit.rooms.invitations
    try:
        user = await invitations.accept(token, visit.form.get("password", ""))
        return await begin_session(visit, user, "")
    except AccountError as error:
        ticket = await invitations.find(token)
        if ticket is None:
            return show_dead_link(visit, str(error))
        oidc_name = visit.rooms.oidc_name
        return visit.render("join.html", 400, ticket=ticket, token=token, oidc_name=oidc_name, error=str(error))


async def log_out(visit: Visit) -> Response:
    """End this session; with `everywhere`, all of the user's."""
    if visit.form.get("everywhere"):
        await visit.rooms.sessions.close_all(visit.person.user_id)
    else:
        await visit.rooms.sessions.close(visit.token)
    answer = visit.go("/login")
    answer.delete_cookie(visit.rooms.cookie, path="/" if visit.rooms.is_secure else ROOT)
    return answer


async def switch_mode(visit: Visit) -> Response:
    """Show the other set of data."""
    mode = "live" if visit.form.get("mode") == "live" else "test"
    await visit.rooms.sessions.switch(visit.person, visit.session, mode)
    return visit.go("/")


PAGES = [
    Page("GET", "/login", show_login, is_open=True),
    Page("POST", "/login", log_in, is_open=True),
    Page("GET", "/join", show_link, is_open=True),
    Page("POST", "/join", take_link, is_open=True),
    Page("POST", "/logout", log_out, in_any_mode=True),
    Page("POST", "/mode", switch_mode, scope="orders:read", in_any_mode=True),
]
