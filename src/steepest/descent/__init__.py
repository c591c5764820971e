"""The loop, the engine it drives, and those who watch."""
