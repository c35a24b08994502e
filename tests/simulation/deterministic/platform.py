"""The simulated platform: it invokes the function for events, retries, and discards.

By document 583/39851 an invocation that fails or whose instance dies is retried twice, a minute
apart; an event over the quota waits a minute, any number of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from liveness.handler import Function
from liveness.keys import read_marker_key

from .invocation import Invocation

if TYPE_CHECKING:
    from .run import Simulation

_RETRIES = 2
_RETRY_SECONDS = 60.0
_TIMER_SECONDS = 60
# Until then every timer drains if there is any marker, afterwards only if one is due.
_BUSY_SECONDS = 900.0
# A marker that is due this soon may fall due while a drain is at work.
_DUE_SOON_SECONDS = 10.0


class _Host:
    """An instance, its function, and the invocation that it runs."""

    def __init__(self, simulation: Simulation, number: int) -> None:
        ahead = simulation.workload.skew * (2 * simulation.choices.draw(f"clock {number}") - 1)
        self.instance = simulation.new_instance(simulation.kernel, f"instance-{number}", ahead)
        self.invocation: Invocation | None = None
        self.at_work = False
        self.failed = False
        self._simulation = simulation
        self.environ = {**simulation.environ, **simulation.platform_settings}
        self.function = Function(
            clock=self.instance,
            rng=self,
            concurrency=self.instance,
            clients=self,
            environ=self.environ,
            write=self._write,
        )

    def _write(self, line: str) -> None:
        if self.instance.alive and self.invocation:
            self._simulation.checker.on_log_line(line)
            self._simulation.log(self.invocation.label, line)
            self._simulation.checker.check_i13_no_output_ends_an_invocation(
                line, self._simulation.workload.stdout
            )

    # Connector and Chance: one object per instance, which delegates to the current invocation.

    def connect(self, settings: object, credentials: object) -> Any:
        from liveness.cloud.clients import Clients

        assert self.invocation is not None
        return Clients(self.invocation, self.invocation, self.invocation)

    def token(self) -> str:
        assert self.invocation is not None
        return self.invocation.token()

    def uniform(self, limit: float) -> float:
        assert self.invocation is not None
        return self.invocation.uniform(limit)


class Platform:
    """The event queue, the instances and the timers."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._idle: list[_Host] = []
        self._hosts: list[_Host] = []
        self.timer_off = False
        self._running = 0  # the number of busy instances
        self.under_way = 0  # the number of events that are neither handled nor discarded
        self.discarded: list[str] = []  # events, timers' excepted, whose every try failed

    def deliver(self, label: str, event: Mapping[str, Any], pairs: tuple[str, ...]) -> None:
        """Deliver one event asynchronously; `pairs` are the ids of those it is about."""
        self.under_way += 1
        self._try(label, event, pairs, 0)

    def _try(
        self, label: str, event: Mapping[str, Any], pairs: tuple[str, ...], number: int
    ) -> None:
        simulation = self._simulation
        if self._running == simulation.workload.quota:
            simulation.step(label, "waits", note="over the quota")
            simulation.kernel.call(lambda: self._try(label, event, pairs, number), _RETRY_SECONDS)
            return
        self._running += 1
        label_of_try = f"{label}#{number + 1}"
        host = self._host(label_of_try)
        invocation = Invocation(simulation, label_of_try, event, host.instance)
        host.invocation = invocation
        host.at_work = True
        ended = False

        def end(failed: bool, alive: bool) -> None:
            nonlocal ended
            if ended:
                return
            ended = True
            host.at_work = False
            host.failed = failed
            simulation.checker.on_end(invocation, alive)
            self._running -= 1
            if alive:
                self._idle.append(host)
            if not failed:
                self.under_way -= 1
            elif number < _RETRIES:
                retry = partial(self._try, label, event, pairs, number + 1)
                simulation.kernel.call(retry, _RETRY_SECONDS, "platform")
            else:
                self.under_way -= 1
                if label.startswith(("event", "direct")):
                    self.discarded.append(label)

        def work() -> None:
            context = {
                "request_id": invocation.label,
                "time_limit_in_ms": simulation.workload.timeout * 1000,
            }
            try:
                host.function(event, context)
            except Exception as error:
                simulation.step(invocation.label, "raised", note=f"{type(error).__name__}: {error}")
                if not invocation.hit:
                    simulation.on_unexplained_error(invocation.label, error)
                end(failed=True, alive=True)
            else:
                simulation.step(invocation.label, "returned")
                simulation.checker.on_return(invocation, pairs)
                end(failed=False, alive=True)

        def on_death() -> None:
            invocation.on_kill()
            simulation.step(invocation.label, "killed")
            end(failed=True, alive=False)

        def time_out() -> None:
            if not ended:
                if not (invocation.hit or invocation.slowed):
                    error = TimeoutError("it did not end")
                    simulation.on_unexplained_error(invocation.label, error)
                host.instance.kill()

        host.instance.on_death = on_death
        simulation.step(invocation.label, "begins", note=host.instance.name)
        host.instance.run(work, "drain" if invocation.drains else "event")
        simulation.kernel.call(time_out, simulation.workload.timeout, "platform")

    def _host(self, label: str) -> _Host:
        """Return a warm or a new instance for the invocation with this label."""
        # A late answer's task may have killed an idle one.
        self._idle = [host for host in self._idle if host.instance.alive]
        if self._idle and self._simulation.choices.draw(label + " warm") < 0.7:
            return self._idle.pop()
        host = _Host(self._simulation, len(self._hosts))
        self._hosts.append(host)
        return host

    def minute_timer(self) -> None:
        """Start the timers, which fire at full minutes.

        A drain without any marker would change nothing, and is left out; so is one without any that
        is due, once the run is older than a quarter of an hour.
        """
        simulation = self._simulation

        def tick() -> None:
            if self.timer_off:
                return
            minute = round(simulation.kernel.now) // _TIMER_SECONDS
            if self._has_work():
                self.deliver(f"drain@{minute}", {"Type": "Timer", "Message": "drain"}, ())
            if simulation.workload.hourly and minute % 3 == 0 and simulation.elapsed() < 900:
                event = {"Type": "Timer", "Message": "reconcile"}
                self.deliver(f"reconcile@{minute}", event, ())
            simulation.kernel.call(tick, _TIMER_SECONDS, "platform")

        first = _TIMER_SECONDS - simulation.kernel.now % _TIMER_SECONDS
        simulation.kernel.call(tick, first, "platform")

    def _has_work(self) -> bool:
        simulation = self._simulation
        markers = simulation.markers()
        if simulation.elapsed() < _BUSY_SECONDS:
            return bool(markers)
        latest = simulation.kernel.now + _DUE_SOON_SECONDS
        return any(
            marker is not None and (marker.due or 0.0) <= latest
            for marker in map(read_marker_key, markers)
        )

    def set_threshold(self, threshold: str) -> None:
        """Let an operator change a setting of the function; every invocation reads it anew."""
        changed = {"LIVENESS_SIM_THRESHOLD": threshold}
        self._simulation.platform_settings.update(changed)
        for host in self._hosts:
            host.environ.update(changed)

    def at_work(self) -> list[Invocation]:
        """Return all running invocations."""
        return [host.invocation for host in self._hosts if host.invocation and host.at_work]

    def state(self) -> tuple[object, ...]:
        """Return the states of the running invocations, and which ran before."""
        return (
            *sorted(
                host.invocation.state() if host.at_work else (host.invocation.label, host.failed)
                for host in self._hosts
                if host.invocation
            ),
            self.under_way,
            len(self.discarded),
        )

    def dispose(self) -> None:
        """Unwind all suspended tasks at the end of the run."""
        for host in self._hosts:
            host.instance.dispose()
