"""The backend's part of a liveness check: a session, temporary keys for the app, the decision."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

KEYS_SECONDS = 1800
_POLL_SECONDS = (0.5, 1, 2, 3, 5)
# If a pair has more contents than this, a person should look at it.
_MAX_SUBMISSIONS = 2


class Backend:
    """Two sub-accounts, because nobody who can write both files can be trusted with either.

    `BACKEND_SECRET_ID` and `_KEY` put photos and read results (policies `backend` and `reader`);
    `APP_SECRET_ID` and `_KEY` issue the app's keys (policy `app`).
    """

    def __init__(
        self, environ: Mapping[str, str], sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._bucket, self._region = environ["LIVENESS_BUCKET"], environ["TENCENTCLOUD_REGION"]
        self._scheme = environ.get("LIVENESS_ENDPOINT_SCHEME", "https")
        self._incoming = environ.get("LIVENESS_INPUT_PREFIX", "liveness/incoming/")
        self._results = environ.get("LIVENESS_RESULT_PREFIX", "liveness/results/")
        # The output of `liveness policies --role app --pair PAIR_ID`, with that very word in it.
        self._app_policy = Path(environ["APP_POLICY_FILE"]).read_text()
        self._sleep = sleep
        self._cos = CosS3Client(
            CosConfig(
                Region=self._region,
                SecretId=environ["BACKEND_SECRET_ID"],
                SecretKey=environ["BACKEND_SECRET_KEY"],
                Scheme=self._scheme,
            ),
            retry=0,
        )
        self._sts = CommonClient(
            "sts",
            "2018-08-13",
            Credential(environ["APP_SECRET_ID"], environ["APP_SECRET_KEY"]),
            self._region,
            ClientProfile(httpProfile=HttpProfile(protocol=self._scheme)),
        )
        # Otherwise a password from ~/.netrc replaces the SDK's signature.
        self._sts.request.conn._session.auth = lambda request: request

    def open_session(self, photo: bytes) -> dict[str, Any]:
        """Begin one try: put the photo, and return what the app needs to put its package.

        `photo` comes from records that the person cannot change. Keep the pair id with the
        person's record: you need it to find the verdict.
        """
        pair_id = secrets.token_hex(16)
        self._cos.put_object(
            Bucket=self._bucket,
            Key=f"{self._incoming}{pair_id}/reference.jpg",
            Body=photo,
            Metadata={"x-cos-forbid-overwrite": "true"},
        )
        return {
            "pair_id": pair_id,
            "bucket": self._bucket,
            "region": self._region,
            "key": f"{self._incoming}{pair_id}/live.bin",
            "scheme": self._scheme,
            "credentials": self.issue_keys(pair_id),
        }

    def issue_keys(self, pair_id: str) -> dict[str, Any]:
        """Return temporary keys that put the package of one pair, and do nothing else.

        They are named as the JavaScript SDK takes them; times are in seconds since 1970.
        """
        reply = self._sts.call_json(
            "GetFederationToken",
            {
                "Name": "liveness-app",
                "Policy": quote(self._app_policy.replace("PAIR_ID", pair_id), safe=""),
                "DurationSeconds": KEYS_SECONDS,
            },
        )["Response"]
        return {
            "TmpSecretId": reply["Credentials"]["TmpSecretId"],
            "TmpSecretKey": reply["Credentials"]["TmpSecretKey"],
            "SecurityToken": reply["Credentials"]["Token"],
            "StartTime": reply["ExpiredTime"] - KEYS_SECONDS,
            "ExpiredTime": reply["ExpiredTime"],
        }

    def read_result(self, pair_id: str) -> dict[str, Any] | None:
        """Return the result of a pair, or None while there is none."""
        key = f"{self._results}{pair_id}/result.json"
        try:
            reply = self._cos.get_object(Bucket=self._bucket, Key=key)
        except CosServiceError as error:
            if error.get_error_code() == "NoSuchKey":
                return None
            raise
        return dict(json.loads(reply["Body"].get_raw_stream().read()))

    def await_result(self, pair_id: str, seconds: float) -> dict[str, Any] | None:
        """Wait for a result as long as a person would; return None if it takes longer.

        None is not a verdict: the webhook brings that later (examples/consumer).
        """
        waited, polls = 0.0, 0
        while (result := self.read_result(pair_id)) is None and waited < seconds:
            pause = _POLL_SECONDS[min(polls, len(_POLL_SECONDS) - 1)]
            self._sleep(pause)
            waited, polls = waited + pause, polls + 1
        return result


def decide(result: Mapping[str, Any]) -> str:
    """Return what to do: accept, review, reject, retry (in a new session) or wait.

    Only `passed` accepts. A person looks at everything that this version does not know.
    """
    if result["schema"] != "liveness-result/1":
        return "review"
    if result["status"] == "passed":
        submission = result.get("submission") or {"count": 1}
        package = result.get("package") or {"reused": False}
        doubtful = submission["count"] > _MAX_SUBMISSIONS or package["reused"]
        return "review" if doubtful else "accept"
    return {"rejected": "reject", "retake": "retry", "invalid": "retry", "failed": "wait"}.get(
        result["status"], "review"
    )
