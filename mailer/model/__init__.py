"""The club's nouns and the rules on them: pure, without I/O, clock or randomness."""
