"""Logging in and out, and which of the merchant's two sets of data is shown."""

from __future__ import annotations

from starlette.responses import Response

from console.api.web import ROOT, Page, Visit, local
from console.use_cases.passwords import AccountError


async def show_login(visit: Visit) -> Response:
    """Ask who it is."""
    if visit.user:
        return visit.go(local(visit.query("next")))
    return visit.render("login.html", next=visit.query("next"))


async def log_in(visit: Visit) -> Response:
    """Begin a session, or say what is not right."""
    form = visit.form
    known = {"email": form.get("email", ""), "next": form.get("next", "")}
    browser = visit.request.headers.get("user-agent", "")
    try:
        user = await visit.rooms.accounts.check(known["email"], form.get("password", ""), form.get("code", "").strip())
        token = await visit.rooms.sessions.open(user, browser)
    except AccountError as error:
        return visit.render("login.html", 403, **known, error=str(error), field=error.field)
    if visit.token:
        # what this browser was before ends
        await visit.rooms.sessions.close(visit.token)
    answer = visit.go("/platform" if user.is_operator and not known["next"] else local(known["next"]))
    rooms = visit.rooms
    path = "/" if rooms.is_secure else ROOT
    answer.set_cookie(rooms.cookie, token, path=path, secure=rooms.is_secure, httponly=True, samesite="lax")
    return answer


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
    Page("POST", "/logout", log_out),
    Page("POST", "/mode", switch_mode, scope="orders:read"),
]
