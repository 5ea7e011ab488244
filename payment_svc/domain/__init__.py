"""Payments, refunds, disputes, accounts and routing: their states and what moves them. Pure: no I/O."""
