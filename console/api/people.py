"""One's own account, and the users of the merchant."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID

import pyotp
import segno
from starlette.responses import Response

from console.api.lists.listing import Filters, Listing, Rows, about
from console.api.web import ROOT, Page, Visit
from console.clients.merchant_api import ApiError
from console.domain import AccountError, Role
from mesh.ids import parse_uuid

ROLES = [role.value for role in Role if role is not Role.OPERATOR]


async def account(visit: Visit) -> Response:
    """Show one's own account."""
    return await show_account(visit)


async def show_account(visit: Visit, status: int = 200, secret: str = "", **values: Any) -> Response:
    """Show one's own account, with what is wrong."""
    user, rooms = visit.person, visit.rooms
    secret = secret or pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name="FusionXPay")
    return visit.render(
        "account.html",
        status,
        sessions=await rooms.sessions.of(user.user_id),
        passkeys=await rooms.passkeys.of(user),
        passkey_host=rooms.passkeys.site.host,
        passkey_address=f"{rooms.passkeys.site.origin}{ROOT}/account",
        is_at_host=visit.request.url.hostname == rooms.passkeys.site.host,
        oidc_name=rooms.oidc_name,
        is_connected=rooms.federation and await rooms.federation.is_connected(user),
        secret=secret,
        qr=segno.make(uri, error="m").svg_data_uri(scale=4, border=2, light="#fff"),
        **values,
    )


async def change_password(visit: Visit) -> Response:
    """Replace the password; all sessions end, this one too."""
    form = visit.form
    try:
        await visit.rooms.accounts.change_password(visit.person, form.get("old", ""), form.get("new", ""))
    except AccountError as error:
        return await show_account(visit, 400, error=str(error), field=error.field)
    return visit.go("/login")


async def enrol(visit: Visit) -> Response:
    """Begin to ask for a second factor, or cease to; whoever has found an open browser cannot."""
    form, accounts = visit.form, visit.rooms.accounts
    secret, password = form.get("secret", ""), form.get("password", "")
    try:
        if form.get("verb") == "drop":
            await accounts.drop_totp(visit.person, password)
            return visit.go("/account", "saved")
        if not re.fullmatch("[A-Z2-7]{32}", secret):
            return await show_account(visit, 400)
        await accounts.enrol((visit.person, visit.session), password, secret, form.get("code", "").strip())
    except AccountError as error:
        return await show_account(visit, 400, secret, error=str(error), field=error.field)
    return visit.go("/account", "saved")


async def users(visit: Visit) -> Response:
    """List the merchant's users, or the operators."""
    return await _users(visit)


async def _users(visit: Visit, status: int = 200, **values: Any) -> Response:
    merchant_id, rooms = visit.person.merchant_id, visit.rooms
    return visit.render(
        "users.html",
        status,
        people=await rooms.accounts.users(merchant_id),
        with_passkey=await rooms.passkeys.owners(merchant_id),
        pending=await rooms.invitations.pending(visit.person),
        roles=_roles(visit),
        base=_base(visit),
        **await about(visit, OPERATORS if visit.person.is_operator else TEAM, {}),
        **values,
    )


async def _user_rows(visit: Visit, _: Filters) -> Rows:
    merchant_id, rooms = visit.person.merchant_id, visit.rooms
    with_passkey = await rooms.passkeys.owners(merchant_id)
    yield [
        {
            "user_id": one.user_id,
            "email": one.email,
            "display_name": one.display_name,
            "role": one.role,
            "code": bool(one.totp_secret),
            "passkey": one.user_id in with_passkey,
            "create_time": one.create_time.isoformat(),
            "disable_time": one.disable_time and one.disable_time.isoformat(),
        }
        for one in await rooms.accounts.users(merchant_id)
    ]


def _roles(visit: Visit) -> list[str]:
    """Return the roles that somebody may give: operators are made by operators only, and make nothing else here."""
    return [Role.OPERATOR.value] if visit.person.is_operator else ROLES


def _base(visit: Visit) -> str:
    return "/platform/users" if visit.person.is_operator else "/users"


def link_of(visit: Visit, token: str) -> str:
    """Return the address that lets somebody in."""
    return f"{visit.rooms.public_url.rstrip('/')}{ROOT}/join?token={token}"


async def hand_out(visit: Visit, token: str) -> dict[str, Any]:
    """Mail a link where there is a mail server; else have it shown this once.

    Raises AccountError where the mail was not taken over; then the link holds no longer.
    """
    rooms = visit.rooms
    ticket = await rooms.invitations.find(token)
    if ticket is None:
        raise AccountError("email", "There is a newer link for this person.")
    link = link_of(visit, token)
    if not rooms.post.is_on:
        return {"email": ticket.email, "link": link}
    try:
        rooms.post.check(ticket)
        await rooms.invitations.count_mail(visit.person)
        await rooms.post.send(visit.person, ticket, await place_of(visit, ticket.merchant_id), link)
    except BaseException:
        # also where whoever waits for the page has gone: nobody would learn that the link holds
        await asyncio.shield(rooms.invitations.give_up(ticket))
        raise
    return {"email": ticket.email, "until": ticket.expire_time.isoformat()}


async def place_of(visit: Visit, merchant_id: UUID | None) -> str:
    """Return where a login is good: the merchant's name."""
    if merchant_id is None:
        return "The platform"
    try:
        return str((await visit.rooms.operators.merchant(merchant_id))["display_name"])
    except ApiError:
        return str(merchant_id)


async def add_user(visit: Visit) -> Response:
    """Invite somebody by a link that is mailed, or shown this once, or take an invitation back."""
    form, invitations = visit.form, visit.rooms.invitations
    if form.get("verb") == "withdraw":
        try:
            merchant_id = parse_uuid(form.get("merchant_id", ""))
            await invitations.withdraw(visit.person, form.get("email", ""), merchant_id)
        except AccountError as error:
            return await _users(visit, 404, error=str(error))
        return visit.go(_base(visit), "saved")
    email, role, name = form.get("email", ""), form.get("role", ""), form.get("display_name", "").strip()[:100]
    try:
        if role not in _roles(visit):
            raise AccountError("role", "Choose a role.")
        await _check_merchant(visit)
        token = await invitations.invite(visit.person, email, name, role, visit.person.merchant_id)
        return await _users(visit, made=await hand_out(visit, token))
    except AccountError as error:
        return await _users(visit, 400, error=str(error), typed=form)


async def _check_merchant(visit: Visit) -> None:
    """Raise ApiError where a merchant's people would let somebody in, or further in, while the merchant is disabled."""
    merchant_id = visit.person.merchant_id
    if merchant_id and (await visit.rooms.operators.merchant(merchant_id)).get("disable_time"):
        raise ApiError(409, "MERCHANT_DISABLED", "Not done: this merchant is disabled, and lets nobody in.")


async def change_user(visit: Visit) -> Response:
    """Change a user's role, disable or enable it, or make a link to a new password."""
    user_id, verb, role = parse_uuid(visit.path("user_id")), visit.form.get("verb"), visit.form.get("role", "")
    if user_id is None or (verb == "role" and role not in _roles(visit)):
        raise ApiError(404, "NOT_FOUND", "There is no such user.")
    if verb != "disable":
        await _check_merchant(visit)
    try:
        if verb == "reset":
            token = await visit.rooms.invitations.reset(visit.person, user_id)
            return await _users(visit, made=await hand_out(visit, token))
        change: dict[str, Any] = {"role": role} if verb == "role" else {"enabled": verb == "enable"}
        await visit.rooms.accounts.change(visit.person, user_id, **change)
    except AccountError as error:
        if error.field == "email":
            return await _users(visit, 400, error=str(error))
        raise ApiError(404, "NOT_FOUND", str(error)) from None
    return visit.go(_base(visit), "saved")


_COLUMNS = ("user_id", "email", "display_name", "role", "code", "passkey", "create_time", "disable_time")
TEAM = Listing("team", "users:read", (), _COLUMNS, _user_rows, "/users")
OPERATORS = Listing("operators", "platform", (), _COLUMNS, _user_rows, "/platform/users")
LISTINGS = (TEAM, OPERATORS)
PAGES = [
    Page("GET", "/account", account),
    Page("POST", "/account/password", change_password, in_any_mode=True),
    Page("POST", "/account/totp", enrol, in_any_mode=True),
    Page("GET", "/users", users, scope="users:read"),
    Page("POST", "/users", add_user, scope="users:write", in_any_mode=True, is_once=True),
    Page("POST", "/users/{user_id}", change_user, scope="users:write", in_any_mode=True, is_once=True),
    Page("GET", "/platform/users", users, scope="platform"),
    Page("POST", "/platform/users", add_user, scope="platform", is_once=True),
    Page("POST", "/platform/users/{user_id}", change_user, scope="platform", is_once=True),
]
