from __future__ import annotations

import resource
import stat
from pathlib import Path

import pytest

from stack import state
from stack.process import StackError
from stack.state import SECRETS_FILE, SOCKETS_LINK, DataDir, write_private


def test_secrets_survive_between_runs_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    with DataDir(tmp_path / "data") as first:
        before = first.secrets
    with DataDir(tmp_path / "data") as second:
        assert second.secrets == before
    assert stat.S_IMODE((tmp_path / "data" / SECRETS_FILE).stat().st_mode) == 0o600


def test_each_stack_has_secrets_of_its_own() -> None:
    with DataDir(None) as one, DataDir(None) as other:
        assert one.secrets.postgres_password != other.secrets.postgres_password
        assert one.secrets.secret_keys != other.secrets.secret_keys


def test_secrets_file_of_another_version_is_understood(tmp_path: Path) -> None:
    (tmp_path / SECRETS_FILE).write_text('{"nats_password": "kept", "of_the_future": "1"}')
    with DataDir(tmp_path) as data:
        assert data.secrets.nats_password == "kept"
        assert data.secrets.postgres_password


def test_secrets_are_not_shown_by_repr() -> None:
    with DataDir(None) as data:
        assert data.secrets.postgres_password not in repr(data.secrets)


def test_data_dir_in_use_is_refused_and_its_logs_are_left_alone(tmp_path: Path) -> None:
    with DataDir(tmp_path) as data:
        data.log("part").write_text("running")
        with pytest.raises(StackError, match=f"another stack runs on data dir {tmp_path}"):
            DataDir(tmp_path)
        assert data.log("part").read_text() == "running"


def test_data_dir_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"data dir .* cannot be used"):
        DataDir(tmp_path / "file" / "data")


def test_logs_of_the_run_before_are_put_aside(tmp_path: Path) -> None:
    with DataDir(tmp_path) as data:
        data.log("part").write_text("before")
    with DataDir(tmp_path) as data:
        assert not data.log("part").exists()
        assert (data.logs / "part.log.1").read_text() == "before"


def test_temporary_folder_is_removed_at_the_end() -> None:
    with DataDir(None) as data:
        data.folder("part").joinpath("file").touch()
    assert not data.path.exists()


def test_logs_of_a_temporary_folder_are_kept_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = DataDir(None)
    data.log("part").write_text("why")
    data.folder("part").joinpath("file").touch()
    data.__exit__(StackError, StackError(), None)
    assert [path.relative_to(data.path) for path in data.path.rglob("*")] == [Path("logs"), Path("logs/part.log")]


def test_private_file_is_replaced_as_a_whole_and_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_large_logs_are_rotated_and_their_writers_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LOG_BYTES", 10)
    with DataDir(tmp_path) as data, data.log("part").open("ab", buffering=0) as writer:
        for generation in (b"first line\n", b"second line\n", b"third line\n", b"fourth line\n"):
            writer.write(generation)
            data.rotate_logs()
        writer.write(b"short\n")
        data.rotate_logs()
        kept = {path.name: path.read_bytes() for path in data.logs.iterdir()}
    assert kept == {"part.log": b"short\n", "part.log.1": b"fourth line\n", "part.log.2": b"third line\n"}


def test_large_log_is_cut_where_there_is_no_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LOG_BYTES", 10)
    with DataDir(tmp_path) as data:
        data.log("part").write_bytes(b"a line\n" * 1000)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            data.rotate_logs()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert {path.name: path.stat().st_size for path in data.logs.iterdir()} == {"part.log": 0}


def test_sockets_of_a_stack_that_was_killed_are_removed_by_the_next(tmp_path: Path) -> None:
    killed = DataDir(tmp_path / "data")
    left = killed.sockets
    (left / "admin.sock").touch()
    killed._lock.close()  # as the kernel does
    with DataDir(tmp_path / "data") as following:
        assert not left.exists()
        ours = following.sockets
        assert ours.is_dir()
    assert not ours.exists()


def test_only_a_folder_for_temporary_files_is_removed(tmp_path: Path) -> None:
    kept = tmp_path / "fusionxpay-kept"
    kept.mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / SOCKETS_LINK).symlink_to(kept)
    with DataDir(tmp_path / "data"):
        assert kept.is_dir()
