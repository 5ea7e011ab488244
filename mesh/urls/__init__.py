"""Where things are: URLs that merchants give for their customers' browsers, and networks that an address may be in."""
