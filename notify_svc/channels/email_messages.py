"""Mails: how an event, or the question whether an address is right, is written as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from string import Template

from notify_svc.channels.wording import LANGUAGES, render
from notify_svc.domain.delivery import Delivery

MAX_SUBJECT = 200
POLICY = SMTP.clone(cte_type="7bit", max_line_length=500)
"""Seven bits get through every server on the way. Lines are long enough for a Message-ID, which must not be folded."""

_ROW = Template('<tr><th align="left">$label</th><td>$value</td></tr>')
_PAGE = Template(
    '<!DOCTYPE html>\n<html lang="$lang"><head><meta charset="utf-8"><title>$title</title></head>\n'
    "<body><h1>$title</h1>\n$before<table>\n$rows\n</table>\n</body></html>\n"
)

Facts = Sequence[tuple[str, str]]


def event_mail(delivery: Delivery, sender: str, now: datetime) -> EmailMessage:
    """Return the mail about an event.

    Message-ID and `X-FusionXPay-Event-Id` are the same in every repetition, so that a receiver can absorb them.
    """
    event = render(delivery.payload, delivery.language)
    label = LANGUAGES.get(delivery.language, LANGUAGES["EN"]).event
    facts = [*event.facts, (label, f"{event.type} {event.event_id}"), ("UTC", event.time)]
    message = _mail(sender, delivery.destination, event.title, f"{event.event_id}.{delivery.endpoint_id}", now)
    message["X-FusionXPay-Event-Id"] = event.event_id
    message["X-FusionXPay-Event-Type"] = event.type
    return _with_words(message, delivery.language, event.title, "", facts)


def confirmation_mail(
    address: str, token: str, language: str, sender: str, now: datetime, message_id: str
) -> EmailMessage:
    """Return the mail that asks whether an address is right; it carries nothing that the merchant wrote."""
    words = LANGUAGES[language]
    message = _mail(sender, address, words.confirm_title, message_id, now)
    return _with_words(message, language, words.confirm_title, words.confirm, [("Token", token)])


def _mail(sender: str, to: str, subject: str, message_id: str, now: datetime) -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    message["From"] = Address("FusionXPay", addr_spec=sender)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = subject[:MAX_SUBJECT]
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    # RFC 3834: no vacation notice comes back
    message["Auto-Submitted"] = "auto-generated"
    return message


def _with_words(message: EmailMessage, language: str, title: str, before: str, facts: Facts) -> EmailMessage:
    lines = [title, "", *([before, ""] if before else []), *(f"{label}: {value}" for label, value in facts)]
    message.set_content("\n".join(lines) + "\n")
    # whoever wrote it, it is text
    rows = [_ROW.substitute(label=html.escape(label), value=html.escape(value)) for label, value in facts]
    page = _PAGE.substitute(
        lang=language.lower(),
        title=html.escape(title),
        before=f"<p>{html.escape(before)}</p>\n" if before else "",
        rows="\n".join(rows),
    )
    message.add_alternative(page, subtype="html")
    return message
