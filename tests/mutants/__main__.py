"""`make mutants`: tries a fair sample of changes, and says which share of each group the tests have found.

Everything happens in a copy of the code, so that who edits it meanwhile disturbs nothing. A stack is started once. One
process imports and collects everything, and measures what each test executes; each trial is a fork of it in which the
functions of one module have other code, and runs the tests that execute the changed line, the most promising first.
What takes effect on import is tried by a fork of a process that has imported nothing of ours. What the tests of this
process do not see is tried with the public tests, against a payment service that has the change.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from pathlib import Path

from tests.mutants import bare
from tests.simulation.detection import copy_of_the_code
from tests.support.paths import ROOT

KEPT = Path(".data/mutants")
"""What was measured, by the code it was measured of, and what became of the changes."""
COPY = "TEST_MUTANTS_KEPT"
"""In the environment of the process in the copy: the folder where results are kept."""


def main() -> int:
    """Try a sample; return 1 when less than the share that is asked for was found."""
    if COPY not in os.environ:
        return _in_a_copy()
    mine, theirs = Pipe()
    bare.begin(theirs, mine)
    theirs.close()
    # not before: a fork of the bare process is to import everything of ours by itself
    trials = importlib.import_module("tests.mutants.trials")
    status: int = trials.main(Path(os.environ[COPY]), mine)
    return status


def _in_a_copy() -> int:
    with tempfile.TemporaryDirectory(prefix="fusionxpay-mutants-") as folder:
        code = Path(folder) / "code"
        # PostgreSQL runs as another user, who has to pass through
        Path(folder).chmod(0o711)
        copy_of_the_code(code)
        places = os.pathsep.join(str(code / name) for name in ("", "gen", "client"))
        env = os.environ | {COPY: str((ROOT / KEPT).resolve()), "PYTHONPATH": places, "TEST_SIMULATION": "kept"}
        argv = [sys.executable, "-m", "tests.mutants", *sys.argv[1:]]
        return subprocess.run(argv, cwd=code, env=env, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
