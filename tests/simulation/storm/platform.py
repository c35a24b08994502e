"""The platform: it wakes the function for events, tries again, and forgets.

Rules of document 583/39851: an error or an instance that dies is tried twice more, a minute apart;
what is over the quota waits a minute, as often as need be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from liveness.handler import Function

from .invocation import Invocation

if TYPE_CHECKING:
    from .world import World

_RETRIES = 2
_RETRY_SECONDS = 60.0
_TIMER_SECONDS = 60


class _Host:
    """An instance, the function that lives in it, and the invocation it is at work on."""

    def __init__(self, world: World, number: int) -> None:
        ahead = world.plan.skew * (2 * world.decisions.draw(f"clock {number}") - 1)
        self.instance = world.new_instance(world.kernel, f"instance-{number}", ahead)
        self.invocation: Invocation | None = None
        self.at_work = False
        self.failed = False
        self._world = world
        environ = {
            "TENCENTCLOUD_REGION": "ap-singapore",
            "TENCENTCLOUD_SECRETID": "id",
            "TENCENTCLOUD_SECRETKEY": "key",
            "LIVENESS_BUCKET": "faces-1250000000",
            **world.plan.settings,
        }
        self.function = Function(
            clock=self.instance,
            chance=self,
            concurrency=self.instance,
            connector=self,
            environ=environ,
            write=self._write,
        )

    def _write(self, line: str) -> None:
        if self.instance.alive and self.invocation:
            self._world.judge.logged(line)
            self._world.log(self.invocation.label, line)

    # Connector and Chance: what an instance keeps is the same, what it asks is the invocation's.

    def connect(self, settings: object, credentials: object) -> Any:
        from liveness.remotes import Remotes

        assert self.invocation is not None
        return Remotes(self.invocation, self.invocation, self.invocation)

    def nonce(self) -> str:
        assert self.invocation is not None
        return self.invocation.nonce()

    def up_to(self, limit: float) -> float:
        assert self.invocation is not None
        return self.invocation.up_to(limit)


class Platform:
    """Queue, instances and timers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle: list[_Host] = []
        self._hosts: list[_Host] = []
        self.timer_off = False
        self._running = 0  # instances
        self.under_way = 0  # events that are neither handled nor given up
        self.forgotten: list[str] = []  # but for timers: their every try was hit by a fault

    def deliver(self, label: str, event: Mapping[str, Any], pairs: tuple[str, ...]) -> None:
        """One message, asynchronously."""
        self.under_way += 1
        self._try(label, event, pairs, 0)

    def _try(
        self, label: str, event: Mapping[str, Any], pairs: tuple[str, ...], number: int
    ) -> None:
        world = self._world
        if self._running == world.plan.quota:
            world.step(label, "waits", note="over the quota")
            world.kernel.call(lambda: self._try(label, event, pairs, number), _RETRY_SECONDS)
            return
        self._running += 1
        invocation = Invocation(world, f"{label}#{number + 1}", event)
        host = self._host(invocation)
        invocation.instance = host.instance
        host.invocation = invocation
        host.at_work = True
        ended = False

        def over(failed: bool, alive: bool) -> None:
            nonlocal ended
            if ended:
                return
            ended = True
            host.at_work = False
            host.failed = failed
            self._running -= 1
            if alive:
                self._idle.append(host)
            if not failed:
                self.under_way -= 1
            elif number < _RETRIES:
                again = lambda: self._try(label, event, pairs, number + 1)  # noqa: E731
                world.kernel.call(again, _RETRY_SECONDS, "platform")
            else:
                self.under_way -= 1
                if label.startswith(("event", "direct")):
                    self.forgotten.append(label)

        def work() -> None:
            context = {
                "request_id": invocation.label,
                "time_limit_in_ms": world.plan.timeout * 1000,
            }
            try:
                host.function(event, context)
            except Exception as error:
                world.step(invocation.label, "raised", note=f"{type(error).__name__}: {error}")
                if not invocation.hit:
                    world.unexplained(invocation.label, error)
                over(failed=True, alive=True)
            else:
                world.step(invocation.label, "returned")
                world.judge.returned(invocation, pairs)
                over(failed=False, alive=True)

        def died() -> None:
            invocation.strike()
            world.step(invocation.label, "killed")
            over(failed=True, alive=False)

        def time_out() -> None:
            if not ended:
                if not (invocation.hit or invocation.slowed):
                    world.unexplained(invocation.label, TimeoutError("it never ended"))
                host.instance.kill()

        host.instance.on_death = died
        world.step(invocation.label, "begins", note=host.instance.name)
        host.instance.run(work, "drain" if invocation.drains else "event")
        world.kernel.call(time_out, world.plan.timeout, "platform")

    def _host(self, invocation: Invocation) -> _Host:
        if self._idle and self._world.decisions.draw(invocation.label + " warm") < 0.7:
            return self._idle.pop()
        host = _Host(self._world, len(self._hosts))
        self._hosts.append(host)
        return host

    def minute_timer(self) -> None:
        """Fires at every full minute; where nobody is parked it would change nothing."""
        world = self._world

        def tick() -> None:
            if self.timer_off:
                return
            minute = round(world.kernel.now) // _TIMER_SECONDS
            if world.markers():
                self.deliver(f"drain@{minute}", {"Type": "Timer", "Message": "drain"}, ())
            if world.plan.hourly and minute % 3 == 0 and world.elapsed() < 900:
                event = {"Type": "Timer", "Message": "reconcile"}
                self.deliver(f"reconcile@{minute}", event, ())
            world.kernel.call(tick, _TIMER_SECONDS, "platform")

        first = _TIMER_SECONDS - world.kernel.now % _TIMER_SECONDS
        world.kernel.call(tick, first, "platform")

    def at_work(self) -> list[Invocation]:
        """All that have begun and not ended."""
        return [host.invocation for host in self._hosts if host.invocation and host.at_work]

    def state(self) -> tuple[object, ...]:
        """What those who are at work have seen, and who was before."""
        return (
            *sorted(
                host.invocation.state() if host.at_work else (host.invocation.label, host.failed)
                for host in self._hosts
                if host.invocation
            ),
            self.under_way,
            len(self.forgotten),
        )

    def bury(self) -> None:
        """The run is over: let go of all that hangs."""
        for host in self._hosts:
            host.instance.bury()
