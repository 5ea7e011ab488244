"""Between the contract's messages and what merchants see."""
