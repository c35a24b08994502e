"""The versions of one function, and the aliases that route events to them (583/43731, 583/36149).

$LATEST is the version that can be changed. A change takes a while; until it is complete, the
previous state still handles events.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ..clock import Clock
from .aliases import DEFAULT, LATEST, Alias
from .deployment import Deployment
from .instances import Runner
from .package import has_entry
from .schedule import Scheduler

ACTIVE = "Active"
CREATE_FAILED, UPDATE_FAILED = "CreateFailed", "UpdateFailed"
_NO_ENTRY = "The entry file of the handler was not found in the code."


class VersionInUse(Exception):
    """An alias points to the version, so it cannot be deleted."""


class NotAtRest(Exception):
    """Another change of the function is under way; str() is its status."""


@dataclass(frozen=True)
class Revision:
    """One version of a function, and what runs it."""

    deployment: Deployment
    runner: Runner
    added: datetime
    modified: datetime
    description: str = ""

    @property
    def version(self) -> str:
        return self.deployment.version

    @property
    def memory_mb(self) -> int:
        return self.deployment.options.memory_mb


class Versions:
    """Thread-safe."""

    def __init__(
        self,
        deployment: Deployment,
        make_runner: Callable[[Deployment], Runner],
        scheduler: Scheduler,
        clock: Clock,
    ) -> None:
        self._make_runner = make_runner
        self._scheduler = scheduler
        self._clock = clock
        self._lock = threading.RLock()
        now = clock.now()
        self._latest = Revision(deployment, make_runner(deployment), now, now)
        self._changing: Deployment | None = None
        """What $LATEST will be once its change is complete."""
        self._published: dict[str, Revision] = {}
        self._last_number = 0
        self._aliases = {DEFAULT: Alias(DEFAULT, LATEST, now, now)}
        self._retired: list[Runner] = []
        self._random = random.Random()
        self._statuses = {LATEST: (ACTIVE, "")}

    @property
    def latest(self) -> Revision:
        """$LATEST as it handles events."""
        return self._latest

    @property
    def published(self) -> list[Revision]:
        """The published versions, oldest first."""
        with self._lock:
            return list(self._published.values())

    @property
    def aliases(self) -> list[Alias]:
        with self._lock:
            return list(self._aliases.values())

    def alias(self, name: str) -> Alias | None:
        return self._aliases.get(name)

    def route(self, qualifier: str) -> Revision | None:
        """Return what handles an event for a version or an alias, or None if there is neither."""
        with self._lock:
            alias = self._aliases.get(qualifier)
            version = qualifier if alias is None else alias.choose(self._random.random())
            return self._latest if version == LATEST else self._published.get(version)

    def described(self, version: str) -> Revision | None:
        """Return a version as it is shown: $LATEST already with the change that is under way."""
        with self._lock:
            if version != LATEST:
                return self._published.get(version)
            if self._changing is None:
                return self._latest
            return replace(self._latest, deployment=self._changing, modified=self._clock.now())

    def status(self, version: str = LATEST) -> tuple[str, str]:
        """Return the status of a version, and the reason for it if it failed."""
        return self._statuses[version]

    def require_rest(self) -> None:
        """Raise NotAtRest unless $LATEST works, or its last change has failed."""
        status, _ = self._statuses[LATEST]
        if status not in (ACTIVE, CREATE_FAILED, UPDATE_FAILED):
            raise NotAtRest(status)

    def settle(self, seconds: float) -> None:
        """Keep $LATEST in creation for this long; after that it works, or has failed."""
        with self._lock:
            self._statuses[LATEST] = ("Creating", "")
        self._later(seconds, self._created)

    def change(self, deployment: Deployment, seconds: float) -> None:
        """Replace $LATEST after this long, unless the new code cannot start.

        Raise NotAtRest.
        """
        with self._lock:
            self.require_rest()
            self._changing = deployment
            self._statuses[LATEST] = ("Updating", "")
        self._later(seconds, self._changed)

    def publish(self, description: str, seconds: float) -> Revision:
        """Publish $LATEST as a new version, which cannot be changed. Raise NotAtRest."""
        with self._lock:
            self.require_rest()
            self._last_number += 1
            deployment = replace(self._latest.deployment, version=str(self._last_number))
            now = self._clock.now()
            published = Revision(deployment, self._make_runner(deployment), now, now, description)
            self._published[published.version] = published
            for version in (LATEST, published.version):
                self._statuses[version] = ("Publishing", "")

        def finished() -> None:
            with self._lock:
                self._statuses[LATEST] = (ACTIVE, "")
                if published.version in self._published:
                    self._statuses[published.version] = (ACTIVE, "")

        self._later(seconds, finished)
        return published

    def remove(self, version: str) -> None:
        """Delete a published version. Raise KeyError, or VersionInUse."""
        with self._lock:
            revision = self._published[version]
            for alias in self._aliases.values():
                if version in alias.targets:
                    raise VersionInUse(alias.name)
            del self._published[version]
            del self._statuses[version]
            self._retire(revision)

    def put_alias(self, alias: Alias) -> None:
        with self._lock:
            self._aliases[alias.name] = alias

    def remove_alias(self, name: str) -> None:
        with self._lock:
            del self._aliases[name]

    def kill(self, secret_id: str) -> bool:
        return any(runner.kill(secret_id) for runner in self._runners())

    def close(self) -> None:
        for runner in self._runners():
            runner.close()

    def _runners(self) -> list[Runner]:
        with self._lock:
            revisions = [self._latest, *self._published.values()]
            return [*(revision.runner for revision in revisions), *self._retired]

    def _created(self) -> None:
        with self._lock:
            works = has_entry(self._latest.deployment)
            self._statuses[LATEST] = (ACTIVE, "") if works else (CREATE_FAILED, _NO_ENTRY)

    def _changed(self) -> None:
        with self._lock:
            deployment, self._changing = self._changing, None
            assert deployment is not None, "no change begins while another is under way"
            if not has_entry(deployment):
                self._statuses[LATEST] = (UPDATE_FAILED, _NO_ENTRY)
                return
            previous = self._latest
            runner = self._make_runner(deployment)
            self._latest = Revision(deployment, runner, previous.added, self._clock.now())
            self._statuses[LATEST] = (ACTIVE, "")
            self._retire(previous)

    def _retire(self, revision: Revision) -> None:
        self._retired.append(revision.runner)
        # Stopping a process takes a moment; do not make anybody wait for it.
        threading.Thread(target=revision.runner.retire, daemon=True).start()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        if seconds == 0:
            call()
        else:
            self._scheduler.call_at(self._scheduler.now() + seconds, call)
