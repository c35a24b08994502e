"""Pairs uploads in COS, has FaceID judge them, publishes the verdict: see docs/design.md."""

__version__ = "0.2.0"
