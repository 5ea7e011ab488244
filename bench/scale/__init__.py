"""A simulation of cells and regions in virtual time, fed with what things cost: `python -m bench.scale`."""
