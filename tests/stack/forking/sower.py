"""What a test begins: a process that forks a nursery of itself, and has it fork, until its input ends."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from stack.forking import seed
from stack.forking.forks import Nurseries
from stack.layout import ROOT

seed.sow()
if len(sys.argv) == 1:
    (sown,) = seed._sown
    sys.stdout.write(json.dumps({"nursery": sown.pid}) + "\n")
    sys.exit()
folder, env = Path(sys.argv[1]), {"PATH": os.environ["PATH"]}
made = Nurseries(ROOT, folder / "nursery.log", env, ["tests.support.waiting"])
order = [sys.executable, "-m", "tests.support.stack.forked"]
fork = made.fork(order, {**env, "TOLD": "something", "WAITS": "yes"}, ROOT, folder / "fork.log")
assert fork
sys.stdout.write(json.dumps({"nursery": made.pid, "fork": fork.pid, "environment": list(os.environ)}) + "\n")
sys.stdout.flush()
sys.stdin.read()
made.close()
