"""What tests share: real stores, certificates, the whole system as processes, and how a session is summed up."""
