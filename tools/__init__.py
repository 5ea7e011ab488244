"""What `make gen` and `make lint` run."""
