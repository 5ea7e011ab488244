"""The console in a real browser: a picture of every page, and what axe finds on it."""
