"""Bring the stubs of the public contract into the wheel: `contract.txt`, which `make gen` writes, lists its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Stubs(BuildHookInterface):
    """Adds each file's messages and their types from `gen/`; the surface calls RPCs without their gRPC stubs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files, and the places that they have in the wheel."""
        client = Path(self.root)
        gen = client.parent / "gen"
        stems = [name.removesuffix(".proto") for name in (client / "contract.txt").read_text().split()]
        wanted = [f"{stem}_pb2{suffix}" for stem in stems for suffix in (".py", ".pyi")]
        wanted += [f"{package}/py.typed" for package in {stem.split("/")[0] for stem in stems}]
        build_data["force_include"] |= {str(gen / name): name for name in wanted}
