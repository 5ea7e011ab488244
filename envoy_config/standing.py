"""Who was accepted lately: a note that a small script keeps in Envoy, by API key, and by address for webhooks.

Neither is it believed where it matters: every request is asked about in full. It says who is asked for a key before the
body is taken, and who has to share the bucket of an address.
Source: Envoy documentation, "Lua", "External authorization" (`filter_enabled_metadata`).
"""

from __future__ import annotations

from pathlib import Path

from envoy_config.config import Config, typed
from mesh.rpc.headers import CLIENT_ADDRESS

STANDING = "fusionxpay.standing"
KNOWN, STRANGER = "known", "stranger"
SECONDS, SIZE = 60, 20_000
_SENDERS = "senders"
_SCRIPT = Path(__file__).resolve().parent.parent / "envoy" / "fragments" / "standing.lua"


def standing() -> Config:
    """Return the filter that notes how a request's key, or the sender of a webhook, stands."""
    return typed(
        "lua.v3.Lua",
        default_source_code=_script("authorization"),
        source_codes={_SENDERS: _script(CLIENT_ADDRESS)},
    )


def of_senders() -> Config:
    """Return what differs for webhooks: the address is what is known."""
    return typed("lua.v3.LuaPerRoute", name=_SENDERS)


def of_nobody() -> Config:
    """Return what differs where Envoy answers by itself."""
    return typed("lua.v3.LuaPerRoute", disabled=True)


def unless_known() -> Config:
    """Return the matcher of the requests whose key was not accepted lately."""
    return {
        "filter": STANDING,
        "path": [{"key": "is"}],
        "value": {"string_match": {"exact": KNOWN}},
        "invert": True,
    }


def _script(subject: str) -> Config:
    text = _SCRIPT.read_text()
    for name, value in {"subject": f'"{subject}"', "seconds": str(SECONDS), "size": str(SIZE)}.items():
        text = text.replace(f"@{name}@", value)
    return {"inline_string": text}
