"""Tables: read them, turn columns into numbers, name the target, order the rows."""
