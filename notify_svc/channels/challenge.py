"""Whether who names a URL can say what its server answers: otherwise a merchant could have anybody's server called."""

from __future__ import annotations

import json
import secrets

from notify_svc.channels.webhook import WebhookChannel

SECONDS = 5.0
"""How long a server may take while its merchant waits."""
TYPE = "endpoint.challenge"


async def answers_challenge(url: str, channel: WebhookChannel) -> bool:
    """Post a random text, and return whether the whole answer is that text and nothing else.

    A server that repeats whatever it is sent does not pass.
    """
    challenge = secrets.token_urlsafe(32)
    body = json.dumps({"type": TYPE, "challenge": challenge}).encode()
    attempt = await channel.post(url, body, {})
    return 200 <= attempt.status < 300 and attempt.answer.strip() == challenge
