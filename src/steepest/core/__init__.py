"""The ground floor: errors, names, trees, randomness. Imports nothing of steepest."""
