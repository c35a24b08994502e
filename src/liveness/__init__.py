"""Pairs uploads in COS, has FaceID judge them, leaves the verdict: see README.md."""

__version__ = "0.1.0"
