"""URLs that merchants give for their customers' browsers to come back to."""
