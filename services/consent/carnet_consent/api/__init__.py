"""The gRPC services of consent: one servicer a service, and the mapping between messages and rules."""
