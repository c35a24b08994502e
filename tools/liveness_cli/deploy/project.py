"""The folder that is deployed from, and the environment that its .env completes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from liveness.cloud.credentials import Credentials, read_credentials
from liveness.errors import LivenessError
from liveness_package.check import ManifestError

from ..checkout import ROOT
from ..environment import spelling_conflicts, with_platform_names
from ..errors import InvalidUsage
from .manifest import Manifest, parse_manifest

_MANIFEST = "serverless.yml"


class Project(NamedTuple):
    """What is to be deployed, and with which keys."""

    manifest: Manifest
    credentials: Credentials
    environ: Mapping[str, str]
    """The environment of an operator's command on this installation."""


def load_project(path: Path | None) -> Project:
    """Read serverless.yml, of this checkout or at `path`, and the .env beside it.

    A variable of the environment takes precedence over the same one in .env. Raises InvalidUsage.
    """
    here, path = Path.cwd(), path or ROOT / _MANIFEST
    if (here / _MANIFEST).is_file() and (here / "src/index.py").is_file() and here != ROOT:
        raise InvalidUsage(
            "this `liveness` command belongs to another folder than this one, whose code would be "
            "deployed: run .venv/bin/liveness of this folder (`make run` sets it up)"
        )
    stored = {name: text or "" for name, text in dotenv_values(path.parent / ".env").items()}
    environ = {**stored, **os.environ}
    if conflicts := spelling_conflicts(environ):
        raise InvalidUsage("the environment and .env are invalid:\n  " + "\n  ".join(conflicts))
    environ = with_platform_names(environ)
    try:
        text = path.read_text(encoding="utf-8")
        manifest = parse_manifest(text, environ)
    except OSError:
        raise InvalidUsage(f"this command needs a checkout with its {_MANIFEST}") from None
    except ManifestError as error:
        raise InvalidUsage(str(error)) from None
    try:
        credentials = read_credentials(environ)
    except LivenessError:
        raise InvalidUsage(
            "TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are missing: give a key with the "
            "policy `deployer` (for a first deployment also `installer`), in the environment or "
            "in .env"
        ) from None
    variables = dict(manifest.function.environment)
    return Project(
        manifest,
        credentials,
        {**environ, **variables, "TENCENTCLOUD_REGION": manifest.region},
    )
