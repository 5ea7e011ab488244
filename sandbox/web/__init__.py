"""The web server, and what every provider's API and pages have in common."""
