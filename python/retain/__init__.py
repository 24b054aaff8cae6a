"""Teach a robot policy one more skill without losing the rest: merge, export and run VLA policies."""

__version__ = "0.1.0"
