"""What is deployed: a folder of code, and the options to run it with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .aliases import LATEST
from .retries import MAX_EVENT_AGE_SECONDS, MAX_RETRIES, RetryRules
from .triggers import Trigger

_DEFAULT_INSTANCES = 2


@dataclass(frozen=True)
class DeployOptions:
    """The settings of a function. The defaults are those of the platform where it has any."""

    handler: str = "index.main_handler"
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 60
    memory_mb: int = 128
    triggers: Sequence[Trigger] = ()
    instances: int | None = None
    """How many instances this machine runs at once; the emulated platform has no such limit.
    Further events wait. None: as many as `reserved_mb` allows, or 2 if nothing is reserved."""
    reserved_mb: int | None = None
    """The function's own quota; None: it shares the quota of the region. Invocations that exceed
    the quota fail with status 432."""
    python: str = sys.executable
    """The interpreter."""
    dependencies: Sequence[Path] | None = None
    """Folders to import from in addition to the code. None: what is installed for `python`. A
    package that bundles its dependencies needs none: `()`."""
    retries: int = MAX_RETRIES
    max_event_age_seconds: float = MAX_EVENT_AGE_SECONDS
    dead_letters: Path | None = None
    """The folder to write dead letters to; None: they are only listed by the function."""
    role: str | None = None
    """The execution role, whose permissions the function's keys have. If it does not exist, or does
    not trust the platform, the function gets no keys. None: the keys of the account's owner, so
    that a test that is not about permissions needs no policy; the platform would give it none."""

    description: str = ""
    runtime: str = "Python3.10"
    """What the function says of itself: it runs in `python`."""
    init_timeout_seconds: int = 65
    log_topic: tuple[str, str] = ("", "")
    """The IDs of the log set and of the topic that the logs are sent to."""

    def __post_init__(self) -> None:
        self.retry_rules()  # raises ValueError if one of them is out of range

    @property
    def max_concurrency(self) -> int:
        if self.instances is not None:
            return self.instances
        if self.reserved_mb is None:
            return _DEFAULT_INSTANCES
        return max(1, self.reserved_mb // self.memory_mb)

    def retry_rules(self) -> RetryRules:
        return RetryRules(self.retries, self.max_event_age_seconds)


@dataclass(frozen=True)
class Deployment:
    """A deployed function, and the account it belongs to."""

    name: str
    code: Path
    """The copy that was made on deployment."""
    options: DeployOptions
    region: str
    appid: str
    proxy_url: str
    version: str = LATEST
    code_bytes: int = 0
    """The size of the package as it was uploaded."""
    code_sha256: str = ""
