"""Deployed behind a COS trigger, this tells what messages really look like: each is a log line."""

import json


def main_handler(event, context):
    for record in event["Records"]:
        # The uploader's signature is nobody's business.
        record["event"]["requestParameters"]["requestHeaders"].pop("Authorization", None)
    print(json.dumps(event, ensure_ascii=False))
