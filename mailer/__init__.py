"""A self-hosted email newsletter sender that can prove who got an issue."""

__version__ = "0.1.0"
