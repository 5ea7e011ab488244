"""A sandbox with one more provider, which is its folder."""

from pathlib import Path

FOLDER = str(Path(__file__).parent)
