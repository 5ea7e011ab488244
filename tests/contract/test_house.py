"""The house stays one in which things are found: few files in a folder, and each of a size that can be read at once."""

from __future__ import annotations

from collections import Counter

from tests.support.paths import ROOT

FILES, LINES = 20, 400
GENERATED = ("gen/", "client/fusionxpay_client/surface.py", "client/fusionxpay_client/models.py")
LEFT_OUT = {".venv", "build", "dist", "node_modules", ".data", "__pycache__"}


def _ours() -> list[str]:
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*.py") if not LEFT_OUT & set(path.relative_to(ROOT).parts))
    return [str(path) for path in paths if not str(path).startswith(GENERATED)]


def test_no_folder_has_more_python_files_than_one_looks_through() -> None:
    folders = Counter(path.rpartition("/")[0] for path in _ours() if not path.endswith("/__init__.py"))
    # of migrations, each is added and none is ever looked for
    crowded = {name: count for name, count in folders.items() if count > FILES and "migrations/versions" not in name}
    assert not crowded


def test_no_file_is_longer_than_one_reads() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in _ours()}
    assert not {path: length for path, length in lengths.items() if length > LINES}
