"""Our services as forks of one process that has imported what they have in common."""
