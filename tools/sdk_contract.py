"""A contract for `lint-imports`: the SDK of each of many packages is imported by that package alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expression_to_modules
from importlinter.domain.imports import ModuleExpression


class SdkContract(Contract):
    """`protected` for every SDK of `packages`: what one of them imports from outside, and is not in `shared`."""

    packages: ModuleExpression = fields.ModuleExpressionField()  # type: ignore[assignment]
    shared: set[str] = fields.SetField(subfield=fields.StringField())  # type: ignore[assignment]

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find what imports the SDK of a package that it is no part of."""
        del verbose
        intruders = list(self._intruders(graph))
        return ContractCheck(kept=not intruders, metadata={"intruders": intruders})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that should not be."""
        for importer, sdk, owner in check.metadata["intruders"]:
            output.print_error(f"- {importer} -> {sdk}, the SDK of {owner}", bold=False)

    def _intruders(self, graph: ImportGraph) -> Iterator[tuple[str, str, str]]:
        packages = [module.name for module in module_expression_to_modules(graph, self.packages, as_packages=False)]
        for owner in sorted(name for name in packages if graph.find_children(name)):
            inside = {owner} | graph.find_descendants(owner)
            for sdk in sorted(self._sdks(graph, inside)):
                for importer in sorted(graph.find_modules_that_directly_import(sdk) - inside):
                    yield importer, sdk, owner

    def _sdks(self, graph: ImportGraph, modules: set[str]) -> set[str]:
        imported = {name for module in modules for name in graph.find_modules_directly_imported_by(module)}
        outside = {name for name in imported if graph.is_module_squashed(name)}
        return outside - self.shared - sys.stdlib_module_names
