"""Passkeys: set up and removed under Account, and a way to log in."""

from __future__ import annotations

import json

from starlette.responses import JSONResponse, Response

from console.api.people import show_account
from console.api.sessions import begin_session, show_login_form
from console.api.web import Page, Visit
from console.domain import AccountError
from mesh.ids import parse_uuid


async def begin(visit: Visit) -> Response:
    """Tell the browser what to make a passkey of; it takes the password."""
    try:
        token, options = await visit.rooms.passkeys.begin((visit.person, visit.session), visit.form.get("password", ""))
    except AccountError as error:
        return JSONResponse({"error": str(error)}, 400)
    return JSONResponse({"token": token, "options": json.loads(options)})


async def register(visit: Visit) -> Response:
    """Keep the passkey that the browser has made."""
    form, login = visit.form, (visit.person, visit.session)
    try:
        await visit.rooms.passkeys.register(
            login, form.get("token", ""), form.get("credential", ""), form.get("name", "")
        )
    except AccountError as error:
        return await show_account(visit, 400, error=str(error))
    return visit.go("/account", "saved")


async def remove(visit: Visit) -> Response:
    """Remove a passkey."""
    passkey_id = parse_uuid(visit.path("passkey_id"))
    try:
        if passkey_id is None:
            raise AccountError("passkey", "There is no such passkey.")
        login = visit.person, visit.session
        await visit.rooms.passkeys.remove(login, passkey_id, visit.form.get("password", ""))
    except AccountError as error:
        return await show_account(visit, 404 if error.field == "passkey" else 400, error=str(error))
    return visit.go("/account", "deleted")


async def begin_login(visit: Visit) -> Response:
    """Tell the browser what to ask a passkey for."""
    try:
        token, options = await visit.rooms.passkeys.begin_login(visit.networks)
    except AccountError as error:
        return JSONResponse({"error": str(error)}, 429)
    return JSONResponse({"token": token, "options": json.loads(options)})


async def log_in(visit: Visit) -> Response:
    """Begin a session of whose passkey the browser has used."""
    form = visit.form
    try:
        user = await visit.rooms.passkeys.log_in(form.get("token", ""), form.get("credential", ""))
        return await begin_session(visit, user, form.get("next", ""))
    except AccountError as error:
        return show_login_form(visit, 403, next=form.get("next", ""), error=str(error))


PAGES = [
    Page("POST", "/login/passkey/begin", begin_login, is_open=True),
    Page("POST", "/login/passkey", log_in, is_open=True),
    Page("POST", "/account/passkeys/begin", begin, in_any_mode=True),
    Page("POST", "/account/passkeys", register, in_any_mode=True),
    Page("POST", "/account/passkeys/{passkey_id}", remove, in_any_mode=True),
]
