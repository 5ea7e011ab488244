"""Payment providers: one folder each, all behind the interface in `base`."""
