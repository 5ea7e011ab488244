"""The look of the hosted pages."""

from decimal import Decimal
from html import escape
from urllib.parse import urlsplit

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f4f5f8; color: #1a1f36; margin: 0 }
main { max-width: 26rem; margin: 4rem auto; padding: 2rem; background: #fff; border-radius: 12px;
       box-shadow: 0 2px 12px #0001 }
h1 { font-size: 2rem; margin: .25rem 0 1rem } p.note { color: #697386; font-size: .85rem }
p.error { color: #b3093c } ul { padding: 0; list-style: none }
button, select { font: inherit; width: 100%; padding: .6rem; margin-top: .5rem; border-radius: 8px;
                 border: 1px solid #c9ced8; background: #fff }
button.primary { background: #0a6cff; border-color: #0a6cff; color: #fff }
"""


def page(title: str, content: str) -> str:
    """A whole document."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f'<body><main><p class="note">Sandbox: no money moves here</p>{content}</main></body></html>'
    )


def bill(brand: str, amount: str, purpose: str, return_url: str | None) -> str:
    """Say who is paid how much, what for, and by which provider: the beginning of every page where customers pay."""
    host = urlsplit(return_url or "").hostname
    payee = f"<p>To <b>{escape(host)}</b></p>" if host else ""
    reason = f"<p>For <b>{escape(purpose)}</b></p>" if purpose else ""
    return f'<p class="note">{escape(brand)}</p><h1>{escape(_grouped(amount))}</h1>{payee}{reason}'


def _grouped(amount: str) -> str:
    """One format for all: `1,234.50 EUR`."""
    value, _, currency = amount.replace(",", "").partition(" ")
    return f"{Decimal(value):,} {currency}"


def over(words: str, return_url: str | None) -> str:
    """Say that there is nothing more to pay here, with the way back to the shop."""
    back = f'<p><a href="{escape(return_url)}">Back to the shop</a></p>' if return_url else ""
    return f"<p><b>{escape(words)}</b></p>{back}"


def form(action: str, button: str, fields: str = "", *, primary: bool = False) -> str:
    """A form with one button."""
    style = ' class="primary"' if primary else ""
    return f'<form method="post" action="{escape(action)}">{fields}<button{style}>{escape(button)}</button></form>'


def select(name: str, options: dict[str, str]) -> str:
    """A drop-down; keys are values, values are labels."""
    listed = "".join(f'<option value="{escape(v)}">{escape(label)}</option>' for v, label in options.items())
    return f'<select name="{escape(name)}">{listed}</select>'


def hidden(name: str, value: str) -> str:
    """A field nobody sees."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def error(message: str) -> str:
    """What went wrong, in red."""
    return f'<p class="error">{escape(message)}</p>'
