"""A function that logs each message of its COS trigger, to show what real messages look like."""

import json
from typing import Any


def main_handler(event: dict[str, Any], context: object) -> None:
    for record in event["Records"]:
        # The uploader's signature must not reach a log.
        record["event"]["requestParameters"]["requestHeaders"].pop("Authorization", None)
    print(json.dumps(event, ensure_ascii=False))
