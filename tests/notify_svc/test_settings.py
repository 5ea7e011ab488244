"""Settings of mail and push: complete or off, and never shown when they are wrong."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from notify_svc.domain.channel import decoded
from notify_svc.settings import NotifySettings
from stack.state import Secrets

NEEDED = {
    "database_url": "postgresql://nowhere/notify",
    "identity_target": "nowhere:1",
    "secret_keys": Fernet.generate_key().decode(),
}


def settings(**more: object) -> NotifySettings:
    return NotifySettings.model_validate(NEEDED | more)


def test_both_are_off_when_nothing_is_said() -> None:
    assert (settings().mail_server, settings().vapid_key) == (None, None)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_port_follows_the_security(security: str, port: int) -> None:
    server = settings(smtp_host="mail.example", smtp_sender="a@b.example", smtp_security=security).mail_server
    assert server
    assert server.port == port


def test_key_that_a_stack_makes_is_one() -> None:
    made = Secrets().vapid_private_key
    key = settings(vapid_private_key=made, vapid_contact="mailto:operator@localhost").vapid_key
    assert key
    assert len(decoded(key.public_key)) == 65


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_host": "mail.example"},
        {"smtp_host": "mail.example", "smtp_sender": "nobody"},
        {"smtp_security": "perhaps"},
        {"vapid_private_key": Secrets().vapid_private_key},
        {"vapid_private_key": "c2VjcmV0LXRoYXQtaXMtdG9vLXNob3J0", "vapid_contact": "mailto:a@b.example"},
        {"vapid_private_key": "A" * 43, "vapid_contact": "mailto:a@b.example"},
        {"vapid_contact": "mailto:a@b.example"},
        {"vapid_contact": "a@b.example"},
    ],
)
def test_what_is_wrong_or_half_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**wrong)
    secret = wrong.get("vapid_private_key", "-")
    assert all(secret not in problem["msg"] for problem in refused.value.errors(include_input=False))
