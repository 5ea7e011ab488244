"""Who was accepted lately, and who refused: a note that a small script keeps in Envoy, by key, of webhooks by address.

Neither is it believed where it matters: every request is asked about in full. It says who is asked for a key before the
body is taken, and which bucket a request takes from: its address's, its key's, or a small one of keys that are refused.
Source: Envoy documentation, "Lua", "External authorization" (`filter_enabled_metadata`).
"""

from __future__ import annotations

from pathlib import Path

from envoy_config.config import Config, typed
from mesh.rpc.headers import CLIENT_ADDRESS, DENIED_MERCHANT

STANDING = "fusionxpay.standing"
KNOWN, STRANGER, REFUSED = "known", "stranger", "refused"
SECONDS, SIZE = 60, 20_000
_SENDERS = "senders"
_SCRIPT = Path(__file__).resolve().parent.parent / "envoy" / "fragments" / "standing.lua"


def standing(refusals: int) -> Config:
    """Return the filter that notes how a request's key, or the sender of a webhook, stands.

    A key may be refused so often in a second.
    """
    return typed(
        "lua.v3.Lua",
        default_source_code=_script("authorization", refusals),
        source_codes={_SENDERS: _script(CLIENT_ADDRESS, refusals)},
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


def _script(subject: str, refusals: int) -> Config:
    text = _SCRIPT.read_text()
    texts = {"subject": f'"{subject}"', "merchant": f'"{DENIED_MERCHANT}"'}
    numbers = {"seconds": str(SECONDS), "size": str(SIZE), "refusals": str(refusals)}
    for name, value in (texts | numbers).items():
        text = text.replace(f"@{name}@", value)
    return {"inline_string": text}
