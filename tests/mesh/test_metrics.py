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


def test_what_is_known_stays_so_when_its_series_is_made_sure_of_again() -> None:
    """As each merchant's account at a provider does for all series of the provider."""
    metric = metrics.gauge("fusionxpay_probe_again_seconds", "", kind=metrics.Varies("each"))
    try:
        metrics.prime(metric, ("a",))
        metric.labels("a").set(5)
        metrics.prime(metric, ("a", "b"))
        known, new = next(iter(metric.collect())).samples
        assert known.value == 5
        assert math.isnan(new.value)
    finally:
        REGISTRY.unregister(metric)
        del metrics.SERIES[metric]
