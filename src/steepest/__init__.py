"""Gradient descent, whole."""
