"""Explanations: each number of a step by hand, and the gradient flowing backwards."""
