"""The proof that money is certain: load, kills, providers that misbehave, and in the end all books compared."""
