"""Logs, traces and metrics: wired once, here; the rest of the code sees a logger and nothing else."""
