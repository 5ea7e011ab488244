"""The embedded stack: the real servers and our services on this machine."""
