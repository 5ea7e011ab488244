"""A contract for `lint-imports`: `layers` that name every module of a container, but for the packages in it."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter.contracts.layers import LayersContract


class LayersBesidePackagesContract(LayersContract):
    """`exhaustive` layers of a container whose packages are found by their names, such as providers."""

    def _get_undeclared_modules(self, graph: ImportGraph, containers: set[str]) -> set[str]:
        found: set[str] = super()._get_undeclared_modules(graph, containers)
        return {module for module in found if not graph.find_children(module)}
