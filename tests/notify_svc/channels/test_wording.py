"""Every event that merchants hear of has its words, in every language."""

from __future__ import annotations

import pytest

from notify_svc.channels import wording
from notify_svc.contract.event_types import PUBLIC_TYPES


@pytest.mark.parametrize("language", sorted(wording.LANGUAGES))
def test_every_type_of_event_has_a_title_and_every_fact_a_label(language: str) -> None:
    words = wording.LANGUAGES[language]
    assert set(words.titles) == set(PUBLIC_TYPES)
    assert set(words.labels) == {name for names in wording.FACTS.values() for name in names}
    assert set(wording.FACTS) == {event_type.partition(".")[0] for event_type in PUBLIC_TYPES}
