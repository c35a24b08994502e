"""A sandbox with everything that the page can show: uploads, results, decisions, waiting pairs."""

from __future__ import annotations

import base64
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from liveness.cloud.system import SystemClock
from liveness.handler import Function
from liveness.settings import Settings, read_settings
from liveness_cli.environment import Target, load_target
from liveness_cli.permissions.roles import policy_of
from liveness_cli.texts import ENGLISH
from liveness_review.content import read_content
from liveness_review.decisions import Decision, store_review
from liveness_review.identity import Reviewer, ask_identity
from liveness_sandbox import Bucket, Sandbox

from .faces import draw_picture, live_scene, person, reference_scene
from .people import Applicant, Submission, Waiting, applicants, waiting

BUCKET = "faces-1250000000"
REGION = "ap-singapore"
REVIEWERS = ("lin", "tan")
_HISTORY_SECONDS = 58 * 3600.0
_NIGHT_SECONDS = 10 * 3600.0
_CONTEXT = {"function_name": "liveness", "function_version": "$LATEST", "time_limit_in_ms": 60_000}


class Pictures(NamedTuple):
    """The pictures of one submission."""

    reference: bytes
    frame: bytes


class World:
    """The sandbox, its bucket, and the clock that the function and the page share."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bucket: Bucket = sandbox.create_bucket(BUCKET)
        sandbox.faceid.rate_limit = None
        self.environment = {
            **sandbox.client_environment(),
            "LIVENESS_BUCKET": BUCKET,
            "LIVENESS_ENDPOINT_SCHEME": "http",
        }
        self.settings: Settings = read_settings(self.environment)
        for name in REVIEWERS:
            sandbox.put_user(f"reviewer-{name}", {"review": policy_of("reviewer", self.settings)})

    def environment_of(self, reviewer: str) -> Mapping[str, str]:
        """Return the environment with the keys of one reviewer."""
        return {
            **self.environment,
            **self.sandbox.client_environment(identity=f"reviewer-{reviewer}"),
        }

    def submit(self, pair_id: str, answer: Mapping[str, object], pictures: Pictures) -> None:
        """Upload both inputs of a pair, and let the function process it."""
        self.upload(pair_id, live=package(answer, pictures.frame), reference=pictures.reference)
        clock = _SandboxClock(self.sandbox)
        function = Function(clock=clock, environ=self.environment, write=lambda line: None)
        function({"pairs": [pair_id]}, {**_CONTEXT, "request_id": f"demo-{pair_id}"})

    def upload(
        self, pair_id: str, live: bytes | None = None, reference: bytes | None = None
    ) -> None:
        prefix = self.settings.input_prefix + pair_id
        if reference is not None:
            self.bucket.put(f"{prefix}/reference.jpg", reference)
        if live is not None:
            self.bucket.put(f"{prefix}/live.bin", live)


class _SandboxClock(SystemClock):
    """The sandbox's clock, for a function that runs in its past."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def now(self) -> float:
        return self._sandbox.clock.now().timestamp()


def package(answer: Mapping[str, object], frame: bytes) -> bytes:
    """Return a liveness package for which the sandbox gives this answer and best frame."""
    picture = base64.b64encode(frame).decode()
    return json.dumps({"sandbox": True, "picture": picture, **answer}).encode()


@contextmanager
def demo_world(progress: Callable[[int, int], None], count: int | None = None) -> Iterator[World]:
    """Start a sandbox with sixty people, as it would be after two and a half days.

    With a `count`, only the latest of them apply, which takes less time. Sets `http_proxy`.
    """
    people, incomplete = applicants(), waiting()
    people = people if count is None else people[-count:]
    total = sum(len(applicant.submissions) for applicant in people)
    with Sandbox(region=REGION, clock_offset_seconds=-_HISTORY_SECONDS) as sandbox:
        os.environ["http_proxy"] = sandbox.url
        world = World(sandbox)
        pauses = _pauses(total + 1)
        done = 0
        with ThreadPoolExecutor() as pool:
            drawn = [pool.map(_draw, applicant.submissions) for applicant in people]
            for applicant, pictures in zip(people, drawn, strict=True):
                for submission, drawn_pictures in zip(applicant.submissions, pictures, strict=True):
                    sandbox.clock.advance(next(pauses))
                    world.submit(applicant.pair_id, submission.answer, drawn_pictures)
                    done += 1
                    progress(done, total)
        _leave_waiting(world, incomplete)
        behind = time.time() - sandbox.clock.now().timestamp()
        sandbox.clock.advance(max(0.0, behind))
        _decide(world, people)
        yield world


def _draw(submission: Submission) -> Pictures:
    who, other = person(submission.reference), person(submission.live)
    return Pictures(
        draw_picture(who, reference_scene(submission.reference)),
        draw_picture(other, live_scene(submission.live)),
    )


def _pauses(count: int) -> Iterator[float]:
    """Yield the seconds between one upload and the next: days are busy, and nights are not."""
    draw = random.Random("pauses")
    weights = [draw.expovariate(1.0) + 0.05 for _ in range(count)]
    nights = {round(count * share) for share in (0.3, 0.68)}
    seconds = (_HISTORY_SECONDS - len(nights) * _NIGHT_SECONDS) / sum(weights)
    for number, weight in enumerate(weights):
        yield weight * seconds + (_NIGHT_SECONDS if number in nights else 0.0)


def _leave_waiting(world: World, incomplete: Sequence[Waiting]) -> None:
    for number, pair in enumerate(incomplete):
        pictures = Pictures(
            draw_picture(person(500 + number), reference_scene(500 + number)),
            draw_picture(person(500 + number), live_scene(500 + number)),
        )
        world.upload(
            pair.pair_id,
            live=package({}, pictures.frame) if pair.has_live else None,
            reference=pictures.reference if pair.has_reference else None,
        )
    world.bucket.put(f"{world.settings.input_prefix}kyc-21340/selfie.heic", b"not an input")


def _decide(world: World, people: Sequence[Applicant]) -> None:
    """Store the reviewers' decisions as the page does."""
    targets = {name: _target(world.environment_of(name)) for name in REVIEWERS}
    identities = {name: ask_identity(target) for name, target in targets.items()}
    for applicant in people:
        for name, decision, reason, note in applicant.decisions:
            content = read_content(targets[name], applicant.pair_id, ENGLISH)
            shown, identity = content.shown, identities[name]
            if shown is None or not isinstance(identity, Reviewer):
                raise RuntimeError(f"{applicant.pair_id} cannot be decided: {identity}")
            store_review(
                targets[name].store,
                targets[name].settings,
                applicant.pair_id,
                Decision(decision, reason, note),
                shown,
                identity,
                os.urandom(16).hex(),
            )


def _target(environment: Mapping[str, str]) -> Target:
    os.environ.update(environment)
    return load_target(announce=False)
