"""`make simulate-faults`: each known fault is put into a copy of the code, and the simulation has to find it.

Schedules have to, or the scene that the patch names in its first line, for what has to be met at one moment.

With `--by-proof` (`make prove-faults`) `fusionxpay prove` has to: on real servers, so by what shows within minutes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
console = Console(highlight=False, soft_wrap=True)
FAULTS = Path(__file__).with_name("faults")
SEEDS = 2000
_IGNORED = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "dist", "docs")
_SEED = re.compile(r"seed (\d+) \(([^)]+)\) failed: (.*)")
_BROKEN = re.compile(
    r"^(?:lost|charged twice|given back|refunds wrong|answers untrue|events missing): .*", re.MULTILINE
)
_SCENE = re.compile(r"^Scene: (.+)$", re.MULTILINE)
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)
_COUNT = re.compile(r"(\d+) schedules")


@dataclass(frozen=True)
class Finding:
    """What became of a fault."""

    fault: str
    schedules: int
    profile: str
    complaint: str

    @property
    def is_found(self) -> bool:
        """Whether the simulation has seen it."""
        return bool(self.complaint)


def faults(names: Iterable[str] = ()) -> list[Path]:
    """Return the patches of these names; of all without any."""
    chosen = set(names)
    return [path for path in sorted(FAULTS.glob("*.patch")) if not chosen or path.stem in chosen]


def scene_of(fault: Path) -> list[str]:
    """Return what pytest is given to run the scene that a fault fails; nothing where schedules find it."""
    named = _SCENE.match(fault.read_text())
    return named[1].split() if named else []


def words_of(fault: Path) -> str:
    """Return what a fault does wrong, which stands above its patch."""
    return fault.read_text().partition("\n\n")[0]


def put_into(fault: Path, folder: Path) -> None:
    """Apply a fault to a copy of the code. Raises CalledProcessError when it does not fit any more."""
    subprocess.run(["git", "apply", str(fault)], cwd=folder, check=True)


def take_out_of(fault: Path, folder: Path) -> None:
    """Undo what was put into a copy. Raises CalledProcessError where that is not there."""
    subprocess.run(["git", "apply", "--reverse", str(fault)], cwd=folder, check=True)


def copy_of_the_code(folder: Path) -> None:
    """Copy the code, without what is made of it."""
    shutil.copytree(ROOT, folder, ignore=_IGNORED, dirs_exist_ok=True)


def look_for(fault: Path, seeds: int = SEEDS) -> Finding:
    """Run schedules with a fault until one fails, or its scene."""
    scene = scene_of(fault)
    return _stage(fault, scene) if scene else _schedule(fault, seeds)


def _stage(fault: Path, scene: list[str]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="fusionxpay-fault-") as folder:
        code = Path(folder) / "code"
        copy_of_the_code(code)
        put_into(fault, code)
        argv = [sys.executable, "-m", "pytest", "-q", "-x", *scene]
        run = subprocess.run(argv, cwd=code, capture_output=True, text=True, check=False)
    found = _FAILED.search(run.stdout)
    if found is None and run.returncode:
        # an error is no failure: the scene was not played
        raise RuntimeError(f"{fault.stem}: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return Finding(fault.stem, 1, "staged" if found else "", found[1].rpartition("::")[2] if found else "")


def _schedule(fault: Path, seeds: int) -> Finding:
    with tempfile.TemporaryDirectory(prefix="fusionxpay-fault-") as folder:
        code = Path(folder) / "code"
        copy_of_the_code(code)
        put_into(fault, code)
        argv = [sys.executable, "-m", "tests.simulation", "--seeds", str(seeds), "--until-failure"]
        run = subprocess.run(argv, cwd=code, capture_output=True, text=True, check=False)
    found = _SEED.search(run.stdout)
    counts = [int(count) for count in _COUNT.findall(run.stdout)]
    if found is None:
        if run.returncode or not counts:
            raise RuntimeError(f"{fault.stem}: {run.stdout[-500:]}{run.stderr[-2000:]}")
        return Finding(fault.stem, counts[-1], "", "")
    return Finding(fault.stem, counts[-1], found.group(2), found.group(3))


def fails_the_proof(fault: Path) -> Finding:
    """Run the proof on the code with a fault."""
    with tempfile.TemporaryDirectory(prefix="fusionxpay-fault-") as folder:
        code = Path(folder) / "code"
        copy_of_the_code(code)
        put_into(fault, code)
        argv = [sys.executable, "-m", "cli", "prove", "--minutes", "1.5", "--seed", "1", "--settle", "60"]
        run = subprocess.run(argv, cwd=code, capture_output=True, text=True, check=False)
    orders = re.search(r"orders +│ (\d+)", run.stdout)
    if orders is None:
        raise RuntimeError(f"{fault.stem}: {run.stdout[-500:]}{run.stderr[-2000:]}")
    found = _BROKEN.search(run.stdout) if run.returncode else None
    return Finding(fault.stem, int(orders.group(1)), "proof" if found else "", found.group(0) if found else "")


def main() -> int:
    """Look for each fault; return 1 when one is not found."""
    parser = argparse.ArgumentParser(prog="make simulate-faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="faults; all of them when none is named")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--by-proof", action="store_true", help="by `fusionxpay prove` instead of the simulation")
    options = parser.parse_args()
    missed = 0
    for fault in faults(options.names):
        finding = fails_the_proof(fault) if options.by_proof else look_for(fault, options.seeds)
        missed += not finding.is_found
        said = f"{finding.profile}: {finding.complaint[:90]}" if finding.is_found else "NOT FOUND"
        console.print(
            f"{finding.fault:32} {finding.schedules:5} {'orders' if options.by_proof else 'schedules'}  {said}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
