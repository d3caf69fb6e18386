"""gRPC: servicers and the mapping between messages and values."""
