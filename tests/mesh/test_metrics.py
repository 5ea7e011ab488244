"""What a gauge says before anybody has looked: zero seconds until a deadline would be an alarm."""

from __future__ import annotations

import math

import pytest
from prometheus_client import REGISTRY

from mesh import metrics


@pytest.mark.parametrize(("suffix", "unknown"), [("_seconds", True), ("_time", True), ("_open", False)])
def test_age_deadline_or_moment_is_not_known_until_it_is_set(suffix: str, unknown: bool) -> None:
    plain = metrics.gauge(f"fusionxpay_probe{suffix}", "")
    known = metrics.gauge(f"fusionxpay_probe_known{suffix}", "", kind=("a",))
    primed = metrics.gauge(f"fusionxpay_probe_primed{suffix}", "", kind=metrics.Varies("each"))
    try:
        metrics.prime(primed, ("a",))
        for one in (plain, known, primed):
            (sample,) = next(iter(one.collect())).samples
            assert math.isnan(sample.value) if unknown else sample.value == 0
    finally:
        for one in (plain, known, primed):
            REGISTRY.unregister(one)
            del metrics.SERIES[one]
