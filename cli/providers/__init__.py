"""Commands about providers: how they stand, and their maintenance."""
