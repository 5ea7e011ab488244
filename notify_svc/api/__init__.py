"""gRPC and events in, use cases, gRPC out."""
