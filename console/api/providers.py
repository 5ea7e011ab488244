"""Which provider takes what: the routing policy with a dry run and its history, and the merchant's own accounts."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.responses import Response

from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json, MerchantApi
from mesh.ids import parse_uuid

_TARGET = re.compile(r"([a-z][a-z0-9_ ]*?)(?:[ :=]+([0-9]{1,4}))?")
_CREDENTIAL = re.compile(r"([a-z][a-z_]*)\s*[=:]\s*(\S.*)")
_STALE = "Somebody has changed the policy meanwhile. This is how it is now: look at it, and repeat what is still right."


async def routing(visit: Visit) -> Response:
    """Show the routing policy, what it was, and who would take a payment that is only thought of."""
    return await _routing(visit)


async def _routing(visit: Visit, status: int = 200, **values: Any) -> Response:
    api = await visit.api()
    policy, history = await asyncio.gather(api.get("routing_policy"), api.get("routing_policy", "versions"))
    versions = history["routing_policy_versions"]
    thought: dict[str, Any] = {}
    if visit.query("amount"):
        try:
            thought["preview"] = await _preview(api, visit)
        except ApiError as error:
            if error.status >= 500:
                raise
            status, thought["unclear"] = error.status, error
    return visit.render(
        "routing.html",
        status,
        policy=policy,
        versions=versions,
        names=await _names(visit, versions),
        **thought,
        **values,
    )


async def _preview(api: MerchantApi, visit: Visit) -> Json:
    amount = {"value": visit.query("amount"), "currency": visit.query("currency").upper() or "EUR"}
    return await api.preview_route({"amount": amount, "customer_country": visit.query("country").upper()})


async def _names(visit: Visit, versions: list[Json]) -> dict[str, str]:
    """Return by trace who has set a policy; the page is whole without it."""
    sessions, merchant_id = visit.rooms.sessions, visit.person.merchant_id
    assert merchant_id
    traces = [one["trace_id"] for one in versions if one["trace_id"]]
    try:
        keys = await visit.rooms.requests.keys_of(merchant_id, visit.session.mode, traces) if traces else {}
    except ApiError:
        return {}
    known = {found for key in keys.values() if (found := parse_uuid(key))}
    people = await sessions.holders(merchant_id, list(known))
    return {trace: people.get(key) or f"key …{key[-8:]}" for trace, key in keys.items()}


async def change_routing(visit: Visit) -> Response:
    """Add a rule, take one out, move it up, or go back to what the policy was."""
    api, form = await visit.api(), visit.form
    policy = await api.get("routing_policy")
    if form.get("seen", "") != policy.get("update_time", ""):
        return await _routing(visit, 409, error=_STALE)
    try:
        rules = await _changed(api, policy["rules"], form)
        await api.put("routing_policy", body={"rules": rules})
    except ApiError as error:
        if error.status >= 500:
            raise
        wrong = [f"{name.rpartition('.')[2]} {words}" for name, words in error.fields.items()]
        return await _routing(visit, error.status, error="; ".join(wrong) or error.words, typed=form)
    return visit.go("/routing", "saved")


async def _changed(api: MerchantApi, rules: list[Json], form: Any) -> list[Json]:
    """Return the rules as somebody wants them. Raises ApiError."""
    verb, name = form.get("verb"), form.get("rule", "")
    at = next((number for number, rule in enumerate(rules) if rule["name"] == name), None)
    if verb == "restore":
        versions = (await api.get("routing_policy", "versions"))["routing_policy_versions"]
        for version in versions:
            if version["create_time"] == name:
                return list(version["rules"])
    elif verb == "add":
        return [*rules, _new_rule(form)]
    elif verb == "remove" and at is not None:
        return [*rules[:at], *rules[at + 1 :]]
    elif verb == "up" and at:
        return [*rules[: at - 1], rules[at], rules[at - 1], *rules[at + 1 :]]
    raise ApiError(400, "INVALID", "There is no such rule any more.")


def _new_rule(form: Any) -> Json:
    currencies, countries = (
        [one.upper() for one in re.split(r"[\s,]+", form.get(name, "")) if one] for name in ("currencies", "countries")
    )
    rule: Json = {"name": form.get("name", "").strip(), "currencies": currencies, "countries": countries}
    for limit in ("min_amount", "max_amount"):
        if value := form.get(limit, "").strip():
            if len(currencies) != 1:
                raise ApiError(400, "INVALID", "A rule with a limit of the amount is of one currency: name it.")
            rule[limit] = {"value": value, "currency": currencies[0]}
    rule["targets"] = []
    for part in filter(None, map(str.strip, form.get("targets", "").split(","))):
        # as the page shows them: Bank transfer 1
        found = _TARGET.fullmatch(part.lower())
        if not found:
            raise ApiError(400, "INVALID", f"{part[:40]!r} is no provider with a weight, such as: stripe 9.")
        rule["targets"].append({"provider": found[1].replace(" ", "_"), "weight": int(found[2] or 0)})
    return rule


async def accounts(visit: Visit) -> Response:
    """List the merchant's own accounts at providers; with `check` the provider is asked about one now."""
    return await _accounts(visit)


async def _accounts(visit: Visit, status: int = 200, **values: Any) -> Response:
    api, check = await visit.api(), visit.query("check")
    found, known = await asyncio.gather(api.get("provider_accounts"), visit.rooms.operators.providers())
    checked: Json = {}
    if check in [one["provider"] for one in found["provider_accounts"]]:
        try:
            checked = await api.post("provider_accounts", check, "check")
        except ApiError as error:
            if error.reason != "PROVIDER_UNAVAILABLE":
                raise
            checked = {"accepted": False, "refusal": error.words}
        checked["provider"] = check
    return visit.render(
        "accounts.html",
        status,
        accounts=found["provider_accounts"],
        providers=[one["name"] for one in known],
        public_url=visit.rooms.public_url,
        checked=checked,
        **values,
    )


async def set_account(visit: Visit) -> Response:
    """Set the credentials of an account; what was typed is never shown again."""
    form = visit.form
    credentials = {}
    for line in filter(None, map(str.strip, form.get("credentials", "").splitlines())):
        found = _CREDENTIAL.fullmatch(line)
        if not found:
            words = "Write each credential on a line of its own, as its name, = and its value."
            return await _accounts(visit, 400, error=words, typed=form)
        credentials[found[1]] = found[2]
    try:
        await (await visit.api()).put("provider_accounts", form.get("provider", ""), body={"credentials": credentials})
    except ApiError as error:
        if error.status >= 500 and error.reason != "PROVIDER_UNAVAILABLE":
            raise
        wrong = [f"{name} {words}" for name, words in error.fields.items()]
        return await _accounts(visit, error.status, error="; ".join(wrong) or error.words, typed=form)
    return visit.go(f"/provider_accounts?check={form.get('provider', '')}", "saved")


async def drop_account(visit: Visit) -> Response:
    """Take an account out of use for new payments."""
    await (await visit.api()).delete("provider_accounts", visit.path("provider"))
    return visit.go("/provider_accounts", "deleted")


PAGES = [
    Page("GET", "/routing", routing, scope="routing:read"),
    Page("POST", "/routing", change_routing, scope="routing:write"),
    Page("GET", "/provider_accounts", accounts, scope="accounts:read"),
    Page("POST", "/provider_accounts", set_account, scope="accounts:write"),
    Page("POST", "/provider_accounts/{provider}", drop_account, scope="accounts:write"),
]
