"""Pair uploads in COS, have FaceID judge them, and publish the verdict; see docs/design.md."""

__version__ = "0.2.0"
