"""Manifests for Kubernetes: what is rendered from the table of callers, and the checks of everything that is rendered."""
