"""The gRPC services of identity: one servicer a file, messages mapped in `mapping`."""
