"""How many of S2MPJ's unconstrained problems are solved, by gradients spent."""
