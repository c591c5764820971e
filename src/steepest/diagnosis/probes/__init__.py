"""What can be measured of a run: at its end point, on its data, from its trace."""
