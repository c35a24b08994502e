"""The `liveness` command, as in tests/cli."""

from __future__ import annotations

from tests.cli.conftest import elsewhere, liveness

__all__ = ["elsewhere", "liveness"]
