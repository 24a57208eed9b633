"""What the words and codes of mail servers mean: tables only, read top down, the first match speaks."""
