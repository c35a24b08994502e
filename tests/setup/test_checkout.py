"""A checkout has the bytes that were committed, whatever the user's git does to text."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

ATTRIBUTES = ".gitattributes"
SCRIPT = b"#!/bin/sh\necho one\r\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("setting", ["true", "input", "false"])
def test_autocrlf_changes_no_byte(tmp_path: Path, setting: str) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    shutil.copy(ROOT / ATTRIBUTES, origin)
    (origin / "index.py").write_bytes(SCRIPT)
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")

    def git(*arguments: str | Path) -> None:
        subprocess.run(["git", "-c", f"core.autocrlf={setting}", *arguments], check=True)

    git("init", "--quiet", origin)
    git("-C", origin, "add", "--all")
    git("-C", origin, *identity, "commit", "--quiet", "--message", "files")
    git("clone", "--quiet", origin, clone)

    assert (clone / "index.py").read_bytes() == SCRIPT
    assert (clone / ATTRIBUTES).read_bytes() == (ROOT / ATTRIBUTES).read_bytes()
