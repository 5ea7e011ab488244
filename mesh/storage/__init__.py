"""PostgreSQL and Redis: the database, tables that every service keeps, group commit, locks."""
