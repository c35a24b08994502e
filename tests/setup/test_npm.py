"""npm, of the machine, as `make test` uses it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT


def test_an_unreachable_registry_is_a_sentence_after_npms_own(tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    target = f"{tmp_path}/modules/.ready"

    # Not as a part of the make that runs the tests.
    environ = {
        name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }

    made = subprocess.run(
        ["make", "-s", f"NPM={npm}", f"TOOLKIT={tmp_path}/modules", target],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )

    said, sentence, _ = made.stderr.splitlines()
    assert made.returncode == 2
    assert said == "npm error network ENOTFOUND"
    assert "Connect to its registry, or leave them out: make test NPM=" in sentence
    assert not Path(target).exists()
