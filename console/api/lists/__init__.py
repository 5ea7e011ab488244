"""Lists: their filters, the filters that people keep, and their files."""
