"""Faults planted into healthy runs: what the verdict says of both."""
