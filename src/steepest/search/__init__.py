"""Many runs at once: where they begin, what they found, how they compare."""
