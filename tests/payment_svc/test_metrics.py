"""What the metrics name is what there is: a value that nobody primed is born at one, and no rule sees it."""

from __future__ import annotations

import ast
from pathlib import Path

from payment_svc import metrics
from payment_svc.providers import resilience
from payment_svc.providers.base import ProviderError, SignatureInvalidError


def test_every_error_of_a_provider_is_an_outcome() -> None:
    """What a webhook's signature is not, no call ends with."""
    found, open_ones = set[type[ProviderError]](), [ProviderError]
    while open_ones:
        found |= (more := set(open_ones.pop().__subclasses__()))
        open_ones += more
    assert {one.__name__ for one in found - {SignatureInvalidError}} == set(metrics.OUTCOMES) - {"ok"}


def test_every_call_to_a_provider_is_an_operation() -> None:
    calls = [
        node.args[0]
        for node in ast.walk(ast.parse(Path(resilience.__file__).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_call"
    ]
    assert {ast.literal_eval(name) for name in calls} == set(metrics.OPERATIONS)
