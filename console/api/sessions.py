"""Logging in and out, and which of the merchant's two sets of data is shown."""

from __future__ import annotations

from starlette.responses import Response

from console.api.web import ROOT, Page, Visit, local
from console.clients.merchant_api import ApiError
from console.domain import User
from console.use_cases.accounts import SeveralLoginsError
from console.use_cases.passwords import AccountError
from mesh.ids import parse_uuid


async def show_login(visit: Visit) -> Response:
    """Ask who it is."""
    if visit.user:
        return visit.go(local(visit.query("next")))
    return visit.render("login.html", next=visit.query("next"))


async def log_in(visit: Visit) -> Response:
    """Begin a session, or say what is not right."""
    form = visit.form
    known = {"email": form.get("email", ""), "next": form.get("next", "")}
    try:
        password, code, chosen = form.get("password", ""), form.get("code", "").strip(), form.get("account", "")
        user = await visit.rooms.accounts.check(known["email"], password, code, parse_uuid(chosen))
        return await _begin(visit, user, known["next"])
    except AccountError as error:
        return visit.render("login.html", 403, **known, error=str(error), field=error.field)
    except SeveralLoginsError as several:
        logins = [(one.user_id, await _place(visit, one)) for one in several.users]
        return visit.render("login.html", 200, **known, logins=logins)


async def _place(visit: Visit, user: User) -> str:
    """Return where a login is good."""
    if user.merchant_id is None:
        return "The platform"
    try:
        return str((await visit.rooms.operators.merchant(user.merchant_id))["display_name"])
    except ApiError:
        return str(user.merchant_id)


async def _begin(visit: Visit, user: User, back: str) -> Response:
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


async def show_link(visit: Visit) -> Response:
    """Ask who has come by a link for a password. Looking at it, as mail programs do, uses nothing up."""
    token = visit.query("token")
    ticket = await visit.rooms.invitations.find(token)
    if ticket is None:
        words = "It was used before, is too old, or there is a newer one. Ask for a new one."
        return visit.render("error.html", 404, title="This link does not hold", words=words)
    return visit.render("join.html", ticket=ticket, token=token)


async def take_link(visit: Visit) -> Response:
    """Let somebody in who has come by a link."""
    token, invitations = visit.form.get("token", ""), visit.rooms.invitations
    try:
        user = await invitations.accept(token, visit.form.get("password", ""))
        return await _begin(visit, user, "")
    except AccountError as error:
        ticket = await invitations.find(token)
        if ticket is None:
            return visit.render("error.html", 404, title="This link does not hold", words=str(error))
        return visit.render("join.html", 400, ticket=ticket, token=token, error=str(error))


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
    Page("POST", "/logout", log_out),
    Page("POST", "/mode", switch_mode, scope="orders:read"),
]
