"""python -m liveness_deploy: may serverless.yml be deployed, as it is and filled in as it is?"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .manifest import ManifestError, read_manifest
from .rules import problems

_MANIFEST = Path(__file__).resolve().parents[2] / "serverless.yml"


def main() -> None:
    try:
        found = problems(read_manifest(_MANIFEST.read_text(), os.environ)["inputs"])
    except ManifestError as error:
        found = [str(error)]
    except (KeyError, TypeError, AttributeError) as error:
        found = [f"serverless.yml lacks a part, or has one of another kind: {error}"]
    if found:
        sys.exit("\n".join(["Nothing was deployed.", *found]))


if __name__ == "__main__":
    main()
