"""What benchmarks/dispatch.py is made of: a sink that counts, a club to send from, the ways of sending."""
