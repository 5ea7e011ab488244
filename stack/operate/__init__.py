"""What an operator does with a stack that runs: keep it up, replace its processes, back it up."""
