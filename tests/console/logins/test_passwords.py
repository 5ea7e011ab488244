"""Passwords cost a moment of memory, and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest

MOST_MB = 10
SCRIPT = """
import asyncio, pathlib, re
from console.use_cases.passwords import Passwords
def own():
    text = pathlib.Path("/proc/self/smaps_rollup").read_text()
    return sum(int(kb) for kb in re.findall(r"^Private_(?:Clean|Dirty): *([0-9]+)", text, re.M)) / 1024
async def grown():
    passwords = Passwords()
    hashed = await passwords.hash("a long password")
    before = own()
    for word in ("a long password", "another one", "a third one"):
        await passwords.verify(hashed, word)
    return own() - before
async def warm():
    await asyncio.to_thread(len, "")
    before = own()
    await grown()
    return own() - before
print(asyncio.run(warm()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_a_hash_takes_goes_back() -> None:
    """A thread kept the 19 MiB of its last hash: a third of what the console took."""
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    assert float(told.stdout) < MOST_MB
