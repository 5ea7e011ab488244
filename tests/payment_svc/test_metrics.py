"""What the metrics name is what there is: a value that nobody primed is born at one, and no rule sees it."""

from __future__ import annotations

import ast
from pathlib import Path

from payment_svc import metrics
from payment_svc.domain.payment import Failure
from payment_svc.providers import base, resilience
from payment_svc.providers.base import CredentialsRefusedError, ProviderError, RejectedError, SignatureInvalidError


class TooManyLettersError(RejectedError):
    """An error of one adapter."""


def test_every_error_of_a_provider_is_an_outcome() -> None:
    """What a webhook's signature is not, no call ends with."""
    errors = {one for one in vars(base).values() if isinstance(one, type) and issubclass(one, ProviderError)}
    named = {one.__name__ for one in errors - {ProviderError, SignatureInvalidError}}
    assert named == set(metrics.OUTCOMES) - {"ok"}
    assert CredentialsRefusedError("").kind == "CredentialsRefusedError", (
        "who is on call has to renew a key, not to wait"
    )


def test_an_adapters_own_error_is_counted_as_the_one_that_it_is() -> None:
    """A label set that nobody primed is born at one, and no rule sees it."""
    assert TooManyLettersError(Failure("provider_rejected", "too many letters")).kind in metrics.OUTCOMES


def test_every_call_to_a_provider_is_an_operation() -> None:
    calls = [
        node.args[0]
        for node in ast.walk(ast.parse(Path(resilience.__file__).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_call"
    ]
    assert {ast.literal_eval(name) for name in calls} == set(metrics.OPERATIONS)
