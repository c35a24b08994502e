"""The `liveness` command, as in tests/cli."""

from __future__ import annotations

from tests.cli.conftest import empty_working_directory, liveness

__all__ = ["empty_working_directory", "liveness"]
