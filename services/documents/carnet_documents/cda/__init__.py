"""What happens to the bytes of a deposit: hardened parsing, header extraction, sniffing."""
