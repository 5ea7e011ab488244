"""Events between the services: the bus, the outbox, the inbox, consumers and dead letters."""
