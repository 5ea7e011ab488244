from __future__ import annotations

from pathlib import Path

import pytest

from mesh.contract.generated import Files, write_or_check


def test_stale_files_are_named_until_they_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, fresh, gone = (tmp_path / name for name in ("old", "folder/new", "fresh", "gone"))
    for file in (old, fresh, gone):
        file.write_text("as it was")
    files: Files = {old: "changed", new: "made", fresh: "as it was", gone: None, tmp_path / "never": None}
    assert write_or_check(files, check=True) == 1
    assert capsys.readouterr().err == "".join(f"{file} is stale: run `make gen`\n" for file in (old, new, gone))
    assert old.read_text() == "as it was"
    assert not new.exists()
    assert write_or_check(files, check=False) == 0
    assert (old.read_text(), new.read_text(), fresh.read_text(), gone.exists()) == (
        "changed",
        "made",
        "as it was",
        False,
    )
    assert write_or_check(files, check=True) == 0
    assert capsys.readouterr().err == ""
