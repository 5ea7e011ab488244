"""Moving a merchant from one cell to another while both go on."""
