"""Who takes part in an attack: everybody has the keys of a role of `liveness policies`, no more.

A refusal shows a defence only if the same request succeeds without it. So an attack names the
policy that is to stop it, and `stopped_by_policy` tries again with that policy taken out.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from liveness.settings import Settings, read_settings
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.policies import FUNCTION_ROLE
from liveness_cli.permissions.roles import ROLES, policy_of, policy_of_pair
from liveness_sandbox import Credentials, Sandbox
from tests.conftest import BUCKET, JPEG, Cloud, Instance

UIN = "100000000001"
DENIED = "403 AccessDenied"
TAKEN = "409 FileAlreadyExists"
DONE = "done"
NO_HEADERS: Mapping[str, str] = {}
CREATE_ONLY: dict[str, str] = {"x-cos-forbid-overwrite": "true"}
# Made once: it has many characters, which are counted.
_policy_of = functools.cache(policy_of)
# Everybody with a sub-account of its own.
USERS = tuple(name for name in ROLES if name not in ("function", "trust"))

Weaken = Callable[[Policy], Policy]


class Actor(NamedTuple):
    """A person or program with keys, the vendor's SDK, and plain HTTP."""

    keys: Credentials
    cos: CosS3Client
    http: requests.Session
    sandbox: Sandbox

    def api(self, product: str, version: str, host: str | None = None) -> CommonClient:
        profile = HttpProfile(protocol="http", endpoint=host)
        profile.proxy = self.sandbox.url
        credential = Credential(self.keys.secret_id, self.keys.secret_key, self.keys.token)
        profiles = ClientProfile(httpProfile=profile)
        return CommonClient(product, version, credential, self.sandbox.region, profiles)


Attempt = Callable[[Actor], Any]


def without_condition(key: str) -> Weaken:
    """Return how to take a condition out of a policy, such as `cos:x-cos-acl`."""

    def weaken(policy: Policy) -> Policy:
        weakened: Policy = json.loads(json.dumps(policy))
        removed = 0
        for statement in weakened["statement"]:
            conditions = statement.get("condition", {})
            removed += sum(keys.pop(key, None) is not None for keys in conditions.values())
            conditions = {operator: keys for operator, keys in conditions.items() if keys}
            statement.pop("condition", None)
            statement.update({"condition": conditions} if conditions else {})
        assert removed, f"no statement has the condition {key}"
        return weakened

    return weaken


def allowing(*actions: str) -> Weaken:
    """Return how to allow these everywhere, even where the policy denies them."""

    def weaken(policy: Policy) -> Policy:
        allows = [each for each in policy["statement"] if each["effect"] == "allow"]
        more = {"effect": "allow", "action": list(actions), "resource": ["*"]}
        return {"version": "2.0", "statement": [*allows, more]}

    return weaken


def outcome_of(attempt: Attempt, who: Actor) -> str:
    """Return DONE, or status and code of the refusal."""
    try:
        attempt(who)
    except CosServiceError as error:
        # The reply to a HEAD has no code.
        code = error.get_error_code() if error.get_digest_msg() else ""
        return f"{error.get_status_code()} {code}".strip()
    except TencentCloudSDKException as error:
        return str(error.code)
    return DONE


class Cast:
    """The roles of one installation, and the function, which runs under its own."""

    def __init__(self, cloud: Cloud, **settings: str) -> None:
        self.cloud = cloud
        self._sessions: list[requests.Session] = []
        self.environ = {
            "TENCENTCLOUD_REGION": cloud.sandbox.region,
            "LIVENESS_BUCKET": BUCKET,
            **{f"LIVENESS_{name}": text for name, text in settings.items()},
        }
        self.settings: Settings = read_settings(self.environ)
        trust, permissions = (_policy_of(name, self.settings) for name in ("trust", "function"))
        cloud.sandbox.put_role(FUNCTION_ROLE, trust, {"function": permissions})
        for name in USERS:
            self._put_user(name, _policy_of(name, self.settings, UIN))
        cloud.role = FUNCTION_ROLE
        self.function: Instance = cloud.deploy(**settings)

    def _put_user(self, name: str, policy: Policy) -> Credentials:
        return self.cloud.sandbox.put_user(name, {name: policy})

    # ---- keys

    def keys(self, role: str) -> Credentials:
        """Return the permanent keys of a role's sub-account, or temporary ones of the function."""
        if role == "function":
            return self.cloud.sandbox.temporary_credentials(role=FUNCTION_ROLE)
        environment = self.cloud.sandbox.client_environment(role)
        return Credentials(
            environment["TENCENTCLOUD_SECRETID"], environment["TENCENTCLOUD_SECRETKEY"]
        )

    def session(
        self, pair_id: str, role: str = "app", policy: Policy | None = None, seconds: int = 1800
    ) -> Credentials:
        """Have STS issue keys for one pair, as a backend does for the app on a device."""
        policy = policy or policy_of_pair(role, self.settings, pair_id)
        reply = (
            self.actor(role)
            .api("sts", "2018-08-13")
            .call_json(
                "GetFederationToken",
                {"Name": "app", "Policy": quote(json.dumps(policy)), "DurationSeconds": seconds},
            )
        )
        keys = reply["Response"]["Credentials"]
        return Credentials(keys["TmpSecretId"], keys["TmpSecretKey"], keys["Token"])

    @contextmanager
    def with_policy(self, role: str, weaken: Weaken) -> Iterator[None]:
        """Replace a role's policy by a weaker one."""
        policy = policy_of(role, self.settings, UIN)
        self._put_policy(role, weaken(policy))
        yield
        self._put_policy(role, policy)

    def _put_policy(self, role: str, policy: Policy) -> None:
        if role == "function":
            trust = policy_of("trust", self.settings)
            self.cloud.sandbox.put_role(FUNCTION_ROLE, trust, {"function": policy})
        else:
            self._put_user(role, policy)

    def actor(self, keys: Credentials | str) -> Actor:
        """Return an actor with these keys, or with those of a role."""
        keys, sandbox = self.keys(keys) if isinstance(keys, str) else keys, self.cloud.sandbox
        config = CosConfig(
            Region=sandbox.region,
            SecretId=keys.secret_id,
            SecretKey=keys.secret_key,
            Token=keys.token,
            Scheme="http",
            Proxies={"http": sandbox.url},
        )
        http = requests.Session()
        http.trust_env, http.proxies = False, {"http": sandbox.url}
        self._sessions.append(http)
        return Actor(keys, CosS3Client(config, retry=0, session=http), http, sandbox)

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    # ---- attempts

    def attempt(self, role: str, attempt: Attempt) -> str:
        """Try something with the keys of a role."""
        return outcome_of(attempt, self.actor(role))

    def attempt_in_session(
        self, pair_id: str, attempt: Attempt, role: str = "app", weaken: Weaken | None = None
    ) -> str:
        """Try something with temporary keys for one pair."""
        policy = policy_of_pair(role, self.settings, pair_id)
        keys = self.session(pair_id, role, weaken(policy) if weaken else policy)
        return outcome_of(attempt, self.actor(keys))

    def stopped_by_policy(self, role: str, attempt: Attempt, weaken: Weaken) -> bool:
        """Whether a role's policy, and nothing else, refuses an attempt."""
        refused = self.attempt(role, attempt)
        with self.with_policy(role, weaken):
            return (refused, self.attempt(role, attempt)) == (DENIED, DONE)

    def stopped_in_session(
        self, pair_id: str, attempt: Attempt, weaken: Weaken, role: str = "app"
    ) -> bool:
        """Whether the policies of temporary keys for one pair, and nothing else, refuse it."""
        refused = self.attempt_in_session(pair_id, attempt, role)
        with self.with_policy(role, weaken):
            weakened = self.attempt_in_session(pair_id, attempt, role, weaken)
        return (refused, weakened) == (DENIED, DONE)

    def invoke(self, role: str, event: object) -> dict[str, Any]:
        """Invoke the function through the platform; return what it says of the invocation."""
        params = {
            "FunctionName": "liveness",
            "Namespace": "default",
            "Qualifier": "$LATEST",
            "Event": json.dumps(event),
        }
        reply = self.actor(role).api("scf", "2018-04-16").call_json("InvokeFunction", params)
        result: dict[str, Any] = reply["Response"]["Result"]
        return result

    # ---- honest use

    def photo(self, pair_id: str, body: bytes | None = None) -> None:
        """Put a reference photo, as the customer's backend does."""
        key = f"liveness/incoming/{pair_id}/reference.jpg"
        put(key, body or JPEG, CREATE_ONLY)(self.actor("backend"))

    def package(self, pair_id: str, body: bytes, keys: Credentials | None = None) -> None:
        """Put a liveness package, as the app does with the keys of its session."""
        put(package_key(pair_id), body, CREATE_ONLY)(self.actor(keys or self.session(pair_id)))

    def wake(self, pair_id: str, function: Instance | None = None) -> dict[str, Any]:
        """Invoke the function as the package's upload does; return the summary of the pair."""
        event = self.cloud.sandbox.trigger_event(BUCKET, package_key(pair_id))
        summary: dict[str, Any] = (function or self.function)(event)["pairs"][0]
        return summary

    def result(self, pair_id: str) -> dict[str, Any]:
        result = self.cloud.result(pair_id)
        assert result is not None, f"no result of {pair_id}"
        return result


def package_key(pair_id: str) -> str:
    return f"liveness/incoming/{pair_id}/live.bin"


def photo_key(pair_id: str) -> str:
    return f"liveness/incoming/{pair_id}/reference.jpg"


def put(
    key: str, body: bytes = b"the attacker's", headers: Mapping[str, str] = NO_HEADERS
) -> Attempt:
    return lambda who: who.cos.put_object(BUCKET, body, key, Metadata=dict(headers))


def get(key: str) -> Attempt:
    return lambda who: who.cos.get_object(BUCKET, key)


def delete(key: str) -> Attempt:
    return lambda who: who.cos.delete_object(BUCKET, key)
