"""gRPC between the services: servers' interceptors, clients' channels, who may call whom, mutual TLS."""
