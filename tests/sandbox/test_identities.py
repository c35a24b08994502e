"""Users and roles as data, the keys of a function, and two functions at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from liveness_sandbox import (
    Bucket,
    CosTrigger,
    Credentials,
    Function,
    Identities,
    InvalidFault,
    InvalidPolicy,
    RoleDocument,
    Sandbox,
    load_scenario,
    parse_identities,
)

from .clients import BUCKET, cos_client
from .test_policies import DENIED, ROOT, allow, outcome, policy
from .test_sts import trust

Deploy = Callable[..., Function]

TRUSTS_PLATFORM = trust(service=["scf.qcloud.com"])
DOCUMENT = {
    "users": {"app": {"policies": {"upload": policy(allow("PutObject", ROOT + "in/*"))}}},
    "roles": {
        "worker": {
            "trust": TRUSTS_PLATFORM,
            "policies": {"work": policy(allow("PutObject", ROOT + "out/*"))},
        }
    },
}

# Writes with the SDK, as the platform's environment says, what the event asks for.
WRITER = """
    import os
    from qcloud_cos import CosConfig, CosS3Client
    from qcloud_cos.cos_exception import CosServiceError

    def main_handler(event, context):
        names = "TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN"
        if names[0] not in os.environ:
            return "no keys"
        secret_id, secret_key, token = (os.environ[name] for name in names)
        config = CosConfig(Region=os.environ["TENCENTCLOUD_REGION"], SecretId=secret_id,
                           SecretKey=secret_key, Token=token, Scheme="http")
        client = CosS3Client(config, retry=0)
        key = event.get("key") or os.environ["WRITES"]
        try:
            client.put_object("faces-1250000000", b"body", key)
        except CosServiceError as error:
            return error.get_error_code()
        return "written"
"""


def can_put(sandbox: Sandbox, environment: Mapping[str, str], key: str) -> bool:
    keys = Credentials(
        environment["TENCENTCLOUD_SECRETID"],
        environment["TENCENTCLOUD_SECRETKEY"],
        environment.get("TENCENTCLOUD_SESSIONTOKEN"),
    )
    result = outcome(cos_client(sandbox, keys).put_object, BUCKET, b"body", key)
    assert result in ((200, ""), DENIED)
    return result[0] == 200


def test_users_and_roles_are_created_from_a_document(sandbox: Sandbox) -> None:
    sandbox.put_identities(parse_identities(DOCUMENT))

    assert sandbox.identities == ["app", "worker"]
    for name, prefix, other in (("app", "in/", "out/"), ("worker", "out/", "in/")):
        environment = sandbox.client_environment(name)
        assert can_put(sandbox, environment, prefix + "a")
        assert not can_put(sandbox, environment, other + "a")
    assert can_put(sandbox, sandbox.client_environment(), "anywhere")
    assert "TENCENTCLOUD_SESSIONTOKEN" not in sandbox.client_environment()


def test_a_scenario_file_may_contain_them(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps({"cam": DOCUMENT}))

    load_scenario(path).apply(sandbox)

    assert sandbox.identities == ["app", "worker"]
    path.write_text(json.dumps({"cam": {"users": 1}}))
    with pytest.raises(InvalidFault, match="cam: users must be an object"):
        load_scenario(path)


def test_they_can_be_changed_while_the_sandbox_runs(sandbox: Sandbox) -> None:
    """By any program on the machine, through the sandbox's own API."""
    url = f"{sandbox.url}/_sandbox"

    assert requests.post(f"{url}/cam", json=DOCUMENT, timeout=10).json() == {
        "identities": ["app", "worker"]
    }
    environment = requests.get(f"{url}/environment/app", timeout=10).json()
    assert environment == sandbox.client_environment("app")
    assert (can_put(sandbox, environment, "in/a"), can_put(sandbox, environment, "a")) == (
        True,
        False,
    )

    changed = {"users": {"app": {"policies": {"upload": policy(allow("PutObject", ROOT + "a"))}}}}
    requests.post(f"{url}/cam", json=changed, timeout=10)
    assert (can_put(sandbox, environment, "in/a"), can_put(sandbox, environment, "a")) == (
        False,
        True,
    )
    owner = requests.get(f"{url}/environment", timeout=10).json()
    assert owner == sandbox.client_environment()
    assert requests.get(f"{url}/environment/nobody", timeout=10).status_code == 404


def test_a_web_page_cannot_change_them(sandbox: Sandbox) -> None:
    """A browser says with every POST, and where a script may read the reply, who asks."""
    page = {"Origin": "https://evil.example.com"}
    url = f"{sandbox.url}/_sandbox"

    reply = requests.post(f"{url}/cam", data=json.dumps(DOCUMENT), headers=page, timeout=10)

    assert (reply.status_code, sandbox.identities) == (403, [])
    assert requests.get(f"{url}/environment", headers=page, timeout=10).status_code == 403
    # An image or a form of the page, whose request may have no Origin.
    for site in ("cross-site", "same-site", "same-origin"):
        reply = requests.get(f"{url}/cam", headers={"Sec-Fetch-Site": site}, timeout=10)
        assert reply.status_code == 403
    # The user, who enters the address, and a name of the page's that resolves to this machine.
    typed = requests.get(f"{url}/cam", headers={"Sec-Fetch-Site": "none"}, timeout=10)
    assert typed.status_code == 200
    rebound = requests.get(f"{url}/cam", headers={"Host": "evil.example.com"}, timeout=10)
    assert rebound.status_code == 502


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the document must be an object"),
        ({"groups": {}}, "the document has users, roles, not 'groups'"),
        ({"users": []}, "users must be an object"),
        ({"users": {"app": {"policy": {}}}}, "users.app has policies, not 'policy'"),
        ({"users": {"app": {"policies": {"a": {}}}}}, "users.app.policies.a: version must be"),
        ({"roles": {"r": {"policies": {}}}}, "roles.r.trust: a policy must be an object"),
        (
            {"roles": {"r": {"trust": policy(allow("sts:AssumeRole", "*"))}}},
            "roles.r.trust: 'resource' is not a field",
        ),
    ],
)
def test_an_invalid_document_is_rejected_with_the_place_of_the_problem(
    sandbox: Sandbox, document: Any, message: str
) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        parse_identities(document)

    reply = requests.post(f"{sandbox.url}/_sandbox/cam", json=document, timeout=10)
    assert (reply.status_code, message in reply.json()["error"]) == (400, True)


def test_a_function_has_the_permissions_of_its_role(
    sandbox: Sandbox, bucket: Bucket, deploy: Deploy
) -> None:
    sandbox.put_identities(parse_identities(DOCUMENT))
    function = deploy(WRITER, role="worker")

    assert function.invoke({"key": "out/a"}).result == "written"
    assert function.invoke({"key": "in/a"}).result == "AccessDenied"
    assert bucket.keys() == ["out/a"]

    # A change of the role's policies applies to warm instances, too.
    sandbox.put_role("worker", TRUSTS_PLATFORM, {"work": policy(allow("PutObject", ROOT + "in/*"))})
    assert function.invoke({"key": "out/b"}).result == "AccessDenied"
    assert not function.invocations[-1].cold


@pytest.mark.parametrize(
    "role",
    [None, RoleDocument(trust(qcs=["qcs::cam::uin/100000000001:root"]), {})],
)
def test_a_function_without_a_role_that_it_can_assume_gets_no_keys(
    sandbox: Sandbox, deploy: Deploy, role: RoleDocument | None
) -> None:
    if role is not None:
        sandbox.put_identities(Identities(roles={"worker": role}))

    assert deploy(WRITER, role="worker").invoke({"key": "a"}).result == "no keys"


def test_two_functions_each_with_its_own_trigger_environment_and_role(
    sandbox: Sandbox, bucket: Bucket, deploy: Deploy
) -> None:
    """The second one consumes the results of the first one."""
    for name, prefix in (("first", "results/"), ("second", "delivered/")):
        statement = allow("PutObject", f"{ROOT}{prefix}*")
        sandbox.put_role(name, TRUSTS_PLATFORM, {"p": policy(statement)})
    second = deploy(
        WRITER,
        "second",
        triggers=[CosTrigger(BUCKET, prefix="results/", suffix="/result.json")],
        environment={"WRITES": "delivered/anna"},
        role="second",
    )
    first = deploy(
        WRITER,
        "first",
        triggers=[CosTrigger(BUCKET, prefix="incoming/")],
        environment={"WRITES": "results/anna/result.json"},
        role="first",
    )

    cos_client(sandbox).put_object(BUCKET, b"body", "incoming/anna")
    sandbox.wait_idle()

    assert bucket.keys() == ["delivered/anna", "incoming/anna", "results/anna/result.json"]
    [consumed] = second.invocations
    assert consumed.event["Records"][0]["cos"]["cosObject"]["key"].endswith("/anna/result.json")
    assert len(first.invocations) == 1
    # Neither may do the other's work.
    assert first.invoke({"key": "delivered/bert"}).result == "AccessDenied"
    assert second.invoke({"key": "results/bert/result.json"}).result == "AccessDenied"
