"""The reviewer: the holder of the keys, as STS's GetCallerIdentity names them."""

from __future__ import annotations

from typing import Any, NamedTuple

from liveness.cloud.credentials import read_credentials
from liveness_cli.account.api import Api
from liveness_cli.account.errors import RequestFailed, RequestRefused
from liveness_cli.environment import Target


class Reviewer(NamedTuple):
    """The caller's identity; the fields are those of the reply, any but the first may be empty."""

    arn: str
    account_id: str
    user_id: str
    principal_id: str
    type: str

    @property
    def name(self) -> str:
        """The last part of the ARN, for people."""
        return self.arn.rpartition(":")[2] or self.arn


class NoIdentity(NamedTuple):
    """STS did not say who we are; nothing can be decided without that."""

    reason: str


def ask_identity(target: Target) -> Reviewer | NoIdentity:
    """Ask STS who holds the keys in use. One request."""
    settings = target.settings
    api = Api("sts", settings.region, settings.endpoint_scheme, read_credentials(target.environ))
    try:
        reply = api("GetCallerIdentity")
    except (RequestFailed, RequestRefused) as error:
        return NoIdentity(str(error))
    return _reviewer(reply)


def _reviewer(reply: dict[str, Any]) -> Reviewer | NoIdentity:
    fields = {
        name: reply.get(name) if isinstance(reply.get(name), str) else ""
        for name in ("Arn", "AccountId", "UserId", "PrincipalId", "Type")
    }
    if not fields["Arn"] or not fields["AccountId"]:
        return NoIdentity("GetCallerIdentity: the reply names nobody")
    return Reviewer(*(str(value) for value in fields.values()))
