"""How one attempt to deliver is made, a file a kind of channel."""
