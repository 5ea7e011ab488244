"""Logging in by the provider of identities: there, and back."""

from __future__ import annotations

from starlette.responses import Response

from console.api.people import show_account
from console.api.sessions import begin_session, show_dead_link, show_login_form
from console.api.web import ROOT, Page, Visit
from console.domain import AccountError
from console.use_cases.federation import CONNECT, JOIN, LOG_IN, Federation

CALLBACK = "/oidc/callback"
COOKIE_SECONDS = 600


def _federation(visit: Visit) -> Federation:
    if visit.rooms.federation is None:
        raise AccountError("oidc", "This gateway knows no provider of identities.")
    return visit.rooms.federation


def _cookie(visit: Visit) -> str:
    return f"{visit.rooms.cookie}_way"


def _lead(visit: Visit, address: str, binder: str) -> Response:
    """Lead to the provider, by a page: under `form-action 'self'` a form's own answer may not lead to another site."""
    answer = visit.render("leaving.html", leads_to=address, name=visit.rooms.oidc_name)
    rooms = visit.rooms
    # what comes back is for the browser that has gone there, and no other
    answer.set_cookie(
        _cookie(visit),
        binder,
        max_age=COOKIE_SECONDS,
        path="/" if rooms.is_secure else ROOT,
        secure=rooms.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


async def log_in(visit: Visit) -> Response:
    """Lead to the provider, to log in."""
    back = visit.form.get("next", "")
    try:
        return _lead(visit, *await _federation(visit).begin(LOG_IN, back, networks=visit.networks))
    except AccountError as error:
        return show_login_form(visit, 429 if error.field == "begun" else 503, next=back, error=str(error))


async def join(visit: Visit) -> Response:
    """Lead to the provider, to accept an invitation."""
    token = visit.form.get("token", "")
    ticket = await visit.rooms.invitations.find(token)
    if ticket is None:
        return show_dead_link(visit)
    try:
        return _lead(visit, *await _federation(visit).begin(JOIN, networks=visit.networks, ticket=token))
    except AccountError as error:
        return visit.render(
            "join.html", 503, ticket=ticket, token=token, oidc_name=visit.rooms.oidc_name, error=str(error)
        )


async def connect(visit: Visit) -> Response:
    """Lead to the provider, to connect a login with it; or have it connected no longer."""
    form, login = visit.form, (visit.person, visit.session)
    try:
        if form.get("verb") == "disconnect":
            await _federation(visit).disconnect(login, form.get("password", ""))
            return visit.go("/account", "saved")
        return _lead(visit, *await _federation(visit).connect(login, form.get("password", "")))
    except AccountError as error:
        return await show_account(visit, 400, error=str(error))


async def callback(visit: Visit) -> Response:
    """Take who comes back from the provider."""
    login = (visit.user, visit.login) if visit.user and visit.login else None
    query, binder = visit.request.query_params, visit.request.cookies.get(_cookie(visit), "")
    try:
        arrival = await _federation(visit).finish(query, binder, login)
        if arrival.purpose == CONNECT:
            return _without_way(visit, visit.go("/account", "saved"))
        return _without_way(visit, await begin_session(visit, arrival.user, arrival.back))
    except AccountError as error:
        return _without_way(visit, show_login_form(visit, 403, error=str(error)))


def _without_way(visit: Visit, answer: Response) -> Response:
    answer.delete_cookie(_cookie(visit), path="/" if visit.rooms.is_secure else ROOT)
    return answer


PAGES = [
    Page("POST", "/login/oidc", log_in, is_open=True),
    Page("POST", "/join/oidc", join, is_open=True),
    Page("POST", "/account/oidc", connect, in_any_mode=True),
    Page("GET", CALLBACK, callback, is_open=True),
]
