"""All tests; a package, so that no `tests` of a dependency's can stand before it."""
