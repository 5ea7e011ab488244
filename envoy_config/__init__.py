"""The compiler of Envoy's configuration, from the contracts and a few options into `envoy/`."""
