from __future__ import annotations

import pytest

from notify_svc import catalogue
from notify_svc.event_types import PUBLIC_TYPES


def test_page_says_of_every_event_what_the_contract_says():
    text = catalogue.PAGE.read_text()
    assert catalogue.page(text) == text
    for name, description in catalogue.descriptions().items():
        assert description, name
        assert f"| `{name}` | {description} |" in text


def test_every_name_of_the_architecture_is_of_an_event_that_there_is():
    assert set(catalogue.ARCHITECTURE) <= set(PUBLIC_TYPES)
    words = " ".join(catalogue.ARCHITECTURE.values())
    for name in ("ORDER_CREATED", "ORDER_UPDATED", "ORDER_STATUS_CHANGED", "PAYMENT_SUCCESS"):
        assert f"`{name}`" in words


def test_stale_table_is_replaced_and_the_rest_stays():
    stale = f"before\n{catalogue.BEGIN}| old |\n{catalogue.END}after\n"
    assert catalogue.page(stale) == f"before\n{catalogue.BEGIN}{catalogue.table()}{catalogue.END}after\n"
    with pytest.raises(ValueError, match="no place"):
        catalogue.page("nothing")
