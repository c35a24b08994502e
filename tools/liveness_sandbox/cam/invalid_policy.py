"""The error for a policy that CAM would not accept, or that its documents do not define."""

from __future__ import annotations


class InvalidPolicy(Exception):
    """A policy cannot be evaluated; str() says which part, and why."""
