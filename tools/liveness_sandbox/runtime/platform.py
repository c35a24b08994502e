"""The function platform of one account in one region: its functions, and what they share."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..clock import Clock
from ..cos.notifications import trigger_message
from ..cos.store import Bucket, CreationInfo, StoredObject
from ..credentials import Credentials
from .deployment import Deployment, DeployOptions
from .function import Function
from .instances import Instances, Runner
from .package import unpack, unpack_zip
from .quota import RegionQuota
from .schedule import Scheduler
from .triggers import CosTrigger


class Platform:
    def __init__(
        self,
        region: str,
        appid: str,
        folder: Path,
        scheduler: Scheduler,
        clock: Clock,
        proxy_url: Callable[[], str],
        keys_of_role: Callable[[str | None, float], Credentials | None],
    ) -> None:
        """`keys_of_role` issues keys for a number of seconds; without a role, the owner's."""
        self.region = region
        self.quota = RegionQuota(region)
        self.settling_seconds = 1.0
        """How long a function is in creation, in change or in publication, in its own time."""
        self.instances: int | None = None
        """For functions that are created through the API: see DeployOptions."""
        self._appid = appid
        self._folder = folder
        self._scheduler = scheduler
        self._clock = clock
        self._proxy_url = proxy_url
        self._keys_of_role = keys_of_role
        self._lock = threading.Lock()
        self._functions: dict[str, Function] = {}
        self._folders = 0

    @property
    def functions(self) -> list[Function]:
        with self._lock:
            return list(self._functions.values())

    def find(self, name: str) -> Function | None:
        return self._functions.get(name)

    def deploy(
        self, name: str, code: Path, options: DeployOptions, runner: Runner | None = None
    ) -> Function:
        """Deploy a copy of a folder of code, which works at once. Raise ValueError if it exists.

        A `runner` takes the place of processes that run this code.
        """
        if self.find(name) is not None:
            raise ValueError(f"there is already a function {name}")
        if options.dependencies is not None:
            folders = tuple(Path(folder).resolve() for folder in options.dependencies)
            options = replace(options, dependencies=folders)
        copy = unpack(Path(code).resolve(), self._new_folder(name))
        return self._add(self._deployment(name, copy, options), runner)

    def create(self, name: str, package: bytes, options: DeployOptions) -> Function:
        """Create a function from an uploaded package, which has to bundle its dependencies.

        Raise ValueError if it exists, InvalidPackage, or OSError if there is no space.
        """
        if self.find(name) is not None:
            raise ValueError(f"there is already a function {name}")
        options = replace(options, dependencies=(), instances=self.instances)
        function = self._add(self.unpacked(name, package, options), None)
        function.versions.settle(self.settling_seconds)
        return function

    def unpacked(self, name: str, package: bytes, options: DeployOptions) -> Deployment:
        """Unpack an uploaded package for a function. Raise InvalidPackage."""
        code = unpack_zip(package, self._new_folder(name))
        deployment = self._deployment(name, code, options)
        sha256 = hashlib.sha256(package).hexdigest()
        return replace(deployment, code_bytes=len(package), code_sha256=sha256)

    def remove(self, function: Function) -> None:
        """Delete a function. Its memory is no longer reserved."""
        with self._lock:
            self._functions.pop(function.name, None)
        function.memory_quota = self.quota.reallocate(function.memory_quota, None)
        function.close()

    def notify(self, bucket: Bucket, stored: StoredObject, creation: CreationInfo) -> None:
        """Send the message about a new object to every trigger that matches it."""
        event_name = f"cos:ObjectCreated:{creation.kind}"
        for function in self.functions:
            for trigger in function.triggers:
                if isinstance(trigger, CosTrigger) and trigger.matches(
                    bucket, stored.key, event_name
                ):
                    message = trigger_message(
                        bucket, stored, creation, function.name, self._clock.now()
                    )
                    function.queue(message, trigger)

    def close(self) -> None:
        for function in self.functions:
            function.close()

    def _new_folder(self, name: str) -> Path:
        with self._lock:
            self._folders += 1
            return self._folder / f"{name}-{self._folders}"

    def _deployment(self, name: str, code: Path, options: DeployOptions) -> Deployment:
        return Deployment(name, code, options, self.region, self._appid, self._proxy_url())

    def _add(self, deployment: Deployment, runner: Runner | None) -> Function:
        quota = self.quota.allocate(deployment.options.reserved_mb)

        def make_runner(revision: Deployment) -> Runner:
            role = revision.options.role
            return runner or Instances(
                revision, lambda seconds: self._keys_of_role(role, seconds), self._clock
            )

        function = Function(deployment, make_runner, quota, self._scheduler, self._clock)
        with self._lock:
            is_new = self._functions.setdefault(deployment.name, function) is function
        if not is_new:  # another request was faster
            function.close()
            raise ValueError(f"there is already a function {deployment.name}")
        return function
