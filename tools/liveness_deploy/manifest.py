"""serverless.yml, filled in as the vendor's command fills it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$\{env:([\w.-]+)\}")


class ManifestError(Exception):
    """serverless.yml cannot be filled in; str() says what is missing."""


def read_manifest(text: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """The document with every `${env:NAME}` replaced.

    Raises ManifestError when a variable is not set: the vendor's command would go on and deploy
    the word `undefined`.
    """
    document: dict[str, Any] = yaml.safe_load(text)
    missing = {
        name for name in _VARIABLE.findall(yaml.safe_dump(document)) if not environ.get(name)
    }
    if missing:
        raise ManifestError(
            f"{' and '.join(sorted(missing))} must be filled in: copy .env.example to .env, in the "
            "folder of serverless.yml, and give every value there"
        )
    filled: dict[str, Any] = _fill(document, environ)
    return filled


def _fill(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _fill(item, environ) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, environ) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: environ[found[1]], value)
    return value
