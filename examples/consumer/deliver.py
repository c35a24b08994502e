"""A function that results and decisions trigger, and that delivers each verdict as a webhook.

An event only says that something changed, perhaps twice, late or out of order: the function always
reads again what it delivers. If it cannot deliver a verdict, it leaves a note in the bucket, and a
timer tries again until it can.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from verdict import Verdict, standing_verdict
from webhook import envelope, key_of_secret, signed_headers

# The SDK logs its requests, including one for every decision that does not exist.
logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)

_TRIES, _PAUSE_SECONDS = 3, 1.0
# To connect, and to wait for the reply.
_TIMEOUT_SECONDS = (3.0, 5.0)
# More than any result or decision has: a larger object is cut off, and so not valid.
_MAX_BYTES = 256 * 1024
# The time for the last delivery of a run, which stops early rather than being cut off.
_RESERVED_SECONDS = 30.0


def main_handler(event: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """Deliver the verdicts that an event names or, for the timer's event, the undelivered ones.

    An exception makes the platform send the event again.
    """
    deadline = time.monotonic() + context["time_limit_in_ms"] / 1000 - _RESERVED_SECONDS
    consumer = Consumer(os.environ)
    if event.get("Type") == "Timer":
        return {"pairs": consumer.deliver_again(lambda: time.monotonic() < deadline)}
    keys = [record["cos"]["cosObject"]["key"].split("/", 3)[3] for record in event["Records"]]
    return {"pairs": [consumer.deliver(pair_id) for pair_id in consumer.pairs_of(keys)]}


class Consumer:
    """The results of one bucket, and the endpoint that they are delivered to."""

    def __init__(
        self, environ: Mapping[str, str], sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._url, self._secrets = environ["WEBHOOK_URL"], environ["WEBHOOK_SECRET"]
        if not self._url.startswith(("https://", "http://127.0.0.1:")):
            raise ValueError("WEBHOOK_URL must begin with https://")
        for secret in self._secrets.split() or [""]:
            key_of_secret(secret)
        self._bucket = environ["RESULT_BUCKET"]
        self._results = environ.get("RESULT_PREFIX", "liveness/results/")
        self._undelivered = environ.get("UNDELIVERED_PREFIX", "liveness/undelivered/")
        self._sleep = sleep
        self._cos = CosS3Client(
            CosConfig(
                Region=environ["TENCENTCLOUD_REGION"],
                SecretId=environ["TENCENTCLOUD_SECRETID"],
                SecretKey=environ["TENCENTCLOUD_SECRETKEY"],
                Token=environ["TENCENTCLOUD_SESSIONTOKEN"],
                Scheme=environ.get("LIVENESS_ENDPOINT_SCHEME", "https"),
                Timeout=10,
            ),
            retry=0,
        )

    def pairs_of(self, keys: list[str]) -> list[str]:
        """Return the pair of each key, once: `<result prefix><pair id>/<name>`."""
        ours = [key.removeprefix(self._results) for key in keys if key.startswith(self._results)]
        return list(dict.fromkeys(name.rpartition("/")[0] for name in ours))

    def deliver(self, pair_id: str, tries: int = _TRIES) -> dict[str, Any]:
        """Deliver the verdict that stands now; note it if the endpoint does not accept it."""
        key = f"{self._results}{pair_id}/result.json"
        if (verdict := self._read_verdict(pair_id, key)) is None:
            return _log(pair_id, "there is no result")
        body = envelope(verdict, self._bucket, key)
        refusal = self._send(verdict, body, tries)
        if refusal is not None:
            self._put(self._undelivered + verdict.message_id, pair_id.encode())
            return _log(pair_id, f"not delivered: {refusal}", verdict)
        return _log(pair_id, "delivered", verdict)

    def deliver_again(self, may_go_on: Callable[[], bool]) -> list[dict[str, Any]]:
        """Deliver the present verdicts of pairs with an undelivered one."""
        summaries = []
        for key in self._list(self._undelivered):
            if not may_go_on():
                break
            note = self._get(key)
            if note is None:
                continue  # another run was faster
            try:
                summary = self.deliver(note.decode(), tries=1)
            except Exception as error:  # one pair that cannot be read must not hold up the others
                summaries.append(_log(note.decode("utf-8", "replace"), type(error).__name__))
                continue
            # A verdict that was not accepted has its own note: this one, if it is the same verdict.
            renewed = key == self._undelivered + summary["message_id"]
            if summary["outcome"] == "delivered" or not renewed:
                self._cos.delete_object(Bucket=self._bucket, Key=key)
            summaries.append(summary)
        return summaries

    def _read_verdict(self, pair_id: str, key: str) -> Verdict | None:
        result = self._get(key)
        if result is None:
            return None
        reviews: list[bytes] = []
        folder = self._results + pair_id
        while (review := self._get(f"{folder}/review-{len(reviews) + 1}.json")) is not None:
            reviews.append(review)
        verdict = standing_verdict(result, reviews)
        if verdict.pair_id != pair_id:
            raise ValueError(f"{key} is about another pair")
        return verdict

    def _send(self, verdict: Verdict, body: bytes, tries: int) -> str | None:
        """Send a message, several times if necessary; return why it was not accepted, if so."""
        refusal = None
        for number in range(tries):
            if number:
                self._sleep(_PAUSE_SECONDS * 2 ** (number - 1))
            headers = signed_headers(self._secrets, verdict.message_id, int(time.time()), body)
            try:
                reply = requests.post(
                    self._url,
                    body,
                    headers=headers,
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                    auth=lambda request: request,  # otherwise a password from ~/.netrc is sent
                )
            except requests.RequestException as error:
                refusal = type(error).__name__  # its text may quote the URL
                continue
            if 200 <= reply.status_code < 300:
                return None
            refusal = f"HTTP {reply.status_code}"
        return refusal

    def _get(self, key: str) -> bytes | None:
        try:
            reply = self._cos.get_object(Bucket=self._bucket, Key=key)
        except CosServiceError as error:
            if error.get_error_code() == "NoSuchKey":
                return None
            raise
        return bytes(reply["Body"].get_raw_stream().read(_MAX_BYTES))

    def _put(self, key: str, body: bytes) -> None:
        self._cos.put_object(Bucket=self._bucket, Key=key, Body=body)

    def _list(self, prefix: str) -> list[str]:
        """List up to 1,000 keys, shuffled, so that repeated refusals do not hold up the others."""
        reply = self._cos.list_objects(Bucket=self._bucket, Prefix=prefix, MaxKeys=1000)
        keys = [item["Key"] for item in reply.get("Contents", [])]
        return random.sample(keys, len(keys))


def _log(pair_id: str, outcome: str, verdict: Verdict | None = None) -> dict[str, Any]:
    """Log one line of JSON, the pair and its outcome, and return it."""
    line = {
        "pair_id": pair_id,
        "outcome": outcome,
        "status": verdict.status if verdict else None,
        "message_id": verdict.message_id if verdict else "",
    }
    print(json.dumps(line))
    return line
