"""`make mutants`: the code is changed in one place at a time, and the tests that bear on the place have to fail."""
