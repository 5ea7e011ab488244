"""What a backup is made of; that it can be restored is shown beside load, in `tests/chaos/test_operating.py`."""

from __future__ import annotations

from stack.databases import DATABASES
from stack.operate.backup import ORDER


def test_no_database_of_a_service_is_left_out() -> None:
    assert sorted(ORDER) == sorted(DATABASES.values())
