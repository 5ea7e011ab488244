"""The documentation as a static site: `python -m tools.site`."""
