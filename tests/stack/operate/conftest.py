"""Stacks, as if nobody had configured anything."""

from __future__ import annotations

from tests.support.stack.isolation import no_settings_from_outside, temporary_folders_of_ours, tmp_path_for_postgres

__all__ = ["no_settings_from_outside", "temporary_folders_of_ours", "tmp_path_for_postgres"]
