"""Entries, what is kept of them, how they are chained, and which keys they tell of. Pure: no I/O."""
