from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from stack.operate.supervisor import LONGEST_PAUSE_SECONDS, STEADY_SECONDS, Supervisor
from stack.orphans import writers
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.waiting import PATIENCE, eventually

CALCULATES = "SELECT count(*) FROM generate_series(1, 1000) a, generate_series(1, 1000000000) b"


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(components=["nats", "valkey"]) as stack:
        yield stack


def fell(stack: Stack, name: str) -> None:
    process = psutil.Process(stack.ready.pids[name])
    process.kill()
    eventually(lambda: stack.fallen() == [name])


def came_back(supervisor: Supervisor, said: list[str], name: str) -> None:
    said.clear()

    def back() -> bool:
        supervisor.look()
        return f"{name} is back" in said

    eventually(back)


def test_pauses_grow_and_it_never_gives_up(stack: Stack, clock: Clock, said: list[str]) -> None:
    supervisor = Supervisor(stack, said.append, clock)
    pauses = [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    for pause in pauses:
        fell(stack, "valkey")
        supervisor.look()
        assert f"valkey ended; starting it again in {pause:g} s" in said[-1]
        clock.time += 0.9 * pause
        supervisor.look()
        assert stack.fallen() == ["valkey"]
        clock.time += 0.1 * pause
        came_back(supervisor, said, "valkey")


def test_falls_are_forgiven_after_a_while(stack: Stack, clock: Clock, said: list[str]) -> None:
    supervisor = Supervisor(stack, said.append, clock)
    for _ in range(2):
        fell(stack, "valkey")
        supervisor.look()
        assert "in 0.5 s" in said[-1]
        clock.time += 0.5
        came_back(supervisor, said, "valkey")
        clock.time += STEADY_SECONDS + 1
        supervisor.look()


def test_one_that_cannot_start_keeps_no_other_from_its_turn(stack: Stack, clock: Clock, said: list[str]) -> None:
    supervisor = Supervisor(stack, said.append, clock)
    config = Path(stack.ready.log_dir).parent / "nats" / "nats.conf"
    config.rename(config.with_suffix(".away"))
    fell(stack, "nats")
    for _ in range(3):
        supervisor.look()
        clock.time += LONGEST_PAUSE_SECONDS
        supervisor.look()
        eventually(lambda: stack.fallen() == ["nats"])
    fell_too = psutil.Process(stack.ready.pids["valkey"])
    fell_too.kill()
    eventually(lambda: "valkey" in stack.fallen())
    supervisor.look()
    clock.time += 0.5
    came_back(supervisor, said, "valkey")
    config.with_suffix(".away").rename(config)
    clock.time += LONGEST_PAUSE_SECONDS
    came_back(supervisor, said, "nats")


def test_one_that_never_becomes_ready_has_fallen_once_more(stack: Stack, clock: Clock, said: list[str]) -> None:
    supervisor = Supervisor(stack, said.append, clock)
    config = Path(stack.ready.log_dir).parent / "nats" / "nats.conf"
    right = config.read_text()
    config.write_text('listen: "127.0.0.1:-1"')
    fell(stack, "nats")
    supervisor.look()
    clock.time += 0.5
    supervisor.look()
    assert stack.fallen() == []
    clock.time += stack.start_seconds + 1
    supervisor.look()
    assert f"nats is not ready after {stack.start_seconds:g} s; starting it again in 1 s" in said[-1]
    config.write_text(right)
    clock.time += 1
    came_back(supervisor, said, "nats")


def test_no_room_for_the_ready_file_and_for_logs_ends_nothing(tmp_path: Path, clock: Clock, said: list[str]) -> None:
    file = tmp_path / "away" / "ready.json"
    with Stack(StackSettings(ready_file=file), ["valkey"]) as stack:
        supervisor, logs = Supervisor(stack, said.append, clock), Path(stack.ready.log_dir)
        folders = {folder: folder.with_name("aside") for folder in (logs, file.parent)}
        for folder, aside in folders.items():
            folder.rename(aside)
        fell(stack, "valkey")
        supervisor.look()
        clock.time += 0.5
        supervisor.look()
        assert "valkey cannot start (valkey cannot be run: " in said[-1]
        folders[logs].rename(logs)
        clock.time += 1
        came_back(supervisor, said, "valkey")
        assert [line for line in said if "the ready file cannot be written: " in line] == said[1:]
        folders[file.parent].rename(file.parent)
        supervisor.look()
        assert json.loads(file.read_text())["pids"] == stack.ready.pids
        assert said[-1] == "the ready file can be written again"


@contextmanager
def calculating(stack: Stack) -> Iterator[None]:
    """Run a query that takes for ever, and asks nobody whether its server still is there."""
    url = stack.ready.database_urls["orders"]

    def calculate() -> None:
        with pytest.raises(psycopg.Error), psycopg.connect(url) as connection:
            connection.execute(CALCULATES)

    caller = threading.Thread(target=calculate, daemon=True)
    caller.start()
    try:
        with psycopg.connect(url, autocommit=True) as other:
            query = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = %s"
            eventually(lambda: other.execute(query, [CALCULATES]).fetchone())
        yield
    finally:
        caller.join(PATIENCE)


def test_backends_that_outlive_postgres_keep_neither_it_nor_the_next_stack_from_starting(
    tmp_path_for_postgres: Path, clock: Clock, said: list[str]
) -> None:
    settings = StackSettings(data_dir=tmp_path_for_postgres)
    with Stack(settings, ["postgres"]) as stack:
        supervisor, log = Supervisor(stack, said.append, clock), stack.log("postgres")
        with calculating(stack):
            fell(stack, "postgres")
            supervisor.look()
            clock.time += 0.5
            came_back(supervisor, said, "postgres")
        with calculating(stack):
            fell(stack, "postgres")
            stack.__exit__(None, None, None)
            # whoever did nothing when the server was killed ends by itself, and takes a moment
            (left,) = eventually(lambda: found if len(found := list(writers(log))) == 1 else [])
            with Stack(settings, ["postgres"]) as heir, psycopg.connect(heir.ready.database_urls["orders"]) as other:
                assert other.execute("SELECT 1").fetchone() == (1,)
                assert not left.is_running()
