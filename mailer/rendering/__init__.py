"""From source text to a finished message."""
