"""The attributes that an upload gives its object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .acl import Acl
from .encryption import Encryption


@dataclass(frozen=True)
class Attributes:
    """What the headers of an upload say about the object to be created."""

    headers: Mapping[str, str]
    metadata: Mapping[str, str]
    tags: Mapping[str, str]
    storage_class: str
    encryption: Encryption | None
    acl: Acl
