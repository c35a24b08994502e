"""The plan of a run: uploads, notifications, faults and kills, all drawn from its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from liveness_sandbox import Fault, FaultAction, Match

from .workload import NAMES, Content, Submission, image, live

PHOTO = (Path(__file__).parents[2] / "events/sample/reference.jpg").read_bytes()
BUCKET = "faces-1250000000"
FETCHER = "faceid-resource-fetcher"  # the user agent of the face API when it downloads inputs
_LEDGER = "liveness/ledger"


@dataclass(frozen=True)
class Person:
    """One person's uploads, in order; without an image the pair stays incomplete."""

    name: str
    lives: tuple[Content, ...]
    images: tuple[Content, ...]

    @property
    def submissions(self) -> list[Submission]:
        """Every combination of inputs that may be stored at the same time."""
        return [Submission(live, image) for live in self.lives for image in self.images]

    @property
    def latest(self) -> Submission | None:
        return self.submissions[-1] if self.submissions else None


@dataclass(frozen=True)
class Act:
    """An upload or the delivery of its notification, after a pause in seconds."""

    pause: float
    kind: str  # "upload" or "notify"
    content: Content


@dataclass(frozen=True)
class Kill:
    """SIGKILL to the instance that makes the n-th such request, `delay` after its effect."""

    step: str
    match: Match
    nth: int
    delay: float  # seconds


@dataclass(frozen=True)
class Plan:
    """Everything that is decided about a run before it begins."""

    seed: int
    people: tuple[Person, ...]
    acts: tuple[Act, ...]
    faults: tuple[Fault, ...]
    kills: tuple[Kill, ...]
    races: bool  # whether two concurrent creates of one claim both get 200
    jumps: tuple[float, ...]  # seconds by which the clock is advanced, one after another
    late: tuple[Content, ...]  # notifications that arrive only after a jump
    unnotified: frozenset[str]  # people of whose events some were not delivered

    @property
    def submissions(self) -> list[Submission]:
        return [each for person in self.people for each in person.submissions]


def plan(seed: int) -> Plan:
    """Return the plan of this seed."""
    rng = random.Random(seed)
    people = tuple(_person(name, rng) for name in rng.sample(NAMES, rng.randint(2, 3)))
    acts, late, unnotified = _acts(people, rng)
    return Plan(
        seed=seed,
        people=people,
        acts=acts,
        faults=tuple(
            fault for make in rng.sample(_FAULTS, rng.randint(1, 4)) for fault in make(rng)
        ),
        kills=tuple(_kill(rng) for _ in range(rng.randint(0, 3))),
        races=rng.random() < 0.6,
        # Longer than the minute after which the platform retries, and than a lease of 50 s.
        jumps=tuple(rng.choice((61.0, 80.0, 160.0)) for _ in range(rng.randint(0, 2))),
        late=late,
        unnotified=unnotified,
    )


def _person(name: str, rng: random.Random) -> Person:
    lives = tuple(live(name, number, rng) for number in range(1, rng.choice((1, 1, 2)) + 1))
    images = tuple(image(name, number, PHOTO) for number in range(1, rng.choice((1, 1, 2)) + 1))
    return Person(name, lives, images if rng.random() < 0.9 else ())


def _acts(
    people: tuple[Person, ...], rng: random.Random
) -> tuple[tuple[Act, ...], tuple[Content, ...], frozenset[str]]:
    """Interleave the uploads of all people, and add the notifications of each somewhere later.

    Return the acts, the notifications that come after a jump, and people with lost events.
    """
    queues = [list(items) for person in people for items in (person.lives, person.images) if items]
    order: list[tuple[str, Content]] = []
    while queues:
        queue = rng.choice(queues)
        order.append(("upload", queue.pop(0)))
        queues = [queue for queue in queues if queue]
    late: list[Content] = []
    unnotified: set[str] = set()
    for content in [content for _, content in order]:
        copies = rng.choices((0, 1, 2, 3), (1, 6, 2, 1))[0]
        if not copies:
            unnotified.add(content.owner)
        first = order.index(("upload", content)) + 1
        last = max(index for index, (_, each) in enumerate(order) if each.owner == content.owner)
        for _ in range(copies):
            # At once, or when the person's last upload is done and two instances meet; or anywhere.
            index = rng.choice((first, last + 1, last + 1, rng.randint(first, len(order)), None))
            if index is None:
                late.append(content)
            else:
                order.insert(index, ("notify", content))
    acts = [Act(rng.choice((0, 0, 0, 0.01, 0.05)), kind, content) for kind, content in order]
    return tuple(acts), tuple(rng.sample(late, len(late))), frozenset(unnotified)


# ---- kills

_STEPS = {
    "any request": Match(),
    "a claim": Match("cos", "PUT", key=f"{_LEDGER}/claims/*.claim"),
    "a claim's read-back": Match("cos", "GET", key=f"{_LEDGER}/claims/*.claim"),
    "the API's download": Match("cos", "GET", user_agent=FETCHER),
    "a call": Match("faceid"),
    "the record": Match("cos", "PUT", key=f"{_LEDGER}/claims/*/response*"),
    "a release": Match("cos", "PUT", key=f"{_LEDGER}/claims/*.released"),
    "a frame": Match("cos", "PUT", key="liveness/frames/*"),
    "a result": Match("cos", "PUT", key="liveness/results/*/result.json"),
    "a marker": Match("cos", "PUT", key=f"{_LEDGER}/pending/*"),
    "a marker's deletion": Match("cos", "DELETE", key=f"{_LEDGER}/pending/*"),
    "a drainer's slot": Match("cos", "PUT", key=f"{_LEDGER}/drain/*"),
}


def _kill(rng: random.Random) -> Kill:
    step = rng.choice(list(_STEPS))
    nth = rng.randint(1, 120 if step == "any request" else 4)
    return Kill(step, _STEPS[step], nth, rng.choice((0, 0, rng.uniform(0, 0.02))))


# ---- faults: each function returns those that occur together


def _key_pattern(rng: random.Random) -> str:
    """Choose a part of the bucket, or all of it."""
    return rng.choice(("*", f"{_LEDGER}/*", f"{_LEDGER}/claims/*", "liveness/results/*"))


def _seed(rng: random.Random) -> int:
    return rng.randrange(1 << 30)


def _cos(
    rng: random.Random, do: FaultAction, lowest: float, highest: float, method: str | None = None
) -> list[Fault]:
    match = Match(
        "cos",
        method,
        BUCKET,
        _key_pattern(rng),
        probability=rng.uniform(lowest, highest),
        seed=_seed(rng),
    )
    return [Fault(do, match)]


def _errors(rng: random.Random) -> list[Fault]:
    return _cos(rng, FaultAction(status=rng.choice((500, 503))), 0.1, 0.45)


def _errors_after_the_effect(rng: random.Random) -> list[Fault]:
    return _cos(rng, FaultAction(status=500, when="after"), 0.1, 0.4)


def _lost_requests(rng: random.Random) -> list[Fault]:
    return _cos(
        rng, rng.choice((FaultAction(drop="before"), FaultAction(reset="before"))), 0.1, 0.4
    )


def _lost_replies(rng: random.Random) -> list[Fault]:
    return _cos(rng, rng.choice((FaultAction(drop="after"), FaultAction(reset="after"))), 0.1, 0.5)


def _lost_replies_of_puts(rng: random.Random) -> list[Fault]:
    return _cos(
        rng, rng.choice((FaultAction(drop="after"), FaultAction(reset="after"))), 0.3, 0.7, "PUT"
    )


def _delays(rng: random.Random) -> list[Fault]:
    return _cos(
        rng,
        FaultAction(delay=rng.uniform(0.005, 0.05), when=rng.choice(("before", "after"))),
        0.2,
        0.6,
    )


def _face(rng: random.Random, do: FaultAction, max_times: int) -> list[Fault]:
    times = rng.randint(1, max_times)
    return [
        Fault(do, Match("faceid", times=times, probability=rng.uniform(0.4, 1), seed=_seed(rng)))
    ]


def _lost_calls(rng: random.Random) -> list[Fault]:
    return _face(rng, rng.choice((FaultAction(drop="before"), FaultAction(reset="before"))), 2)


def _lost_answers(rng: random.Random) -> list[Fault]:
    return _face(rng, rng.choice((FaultAction(drop="after"), FaultAction(reset="after"))), 5)


def _gateway_errors(rng: random.Random) -> list[Fault]:
    return _face(rng, FaultAction(status=502, when=rng.choice(("before", "after"))), 4)


def _outage(rng: random.Random) -> list[Fault]:
    """The API is gone for a while: long enough to open the breaker, and for a few probes."""
    action = rng.choice((FaultAction(status=503), FaultAction(drop="before")))
    return [Fault(action, Match("faceid", times=rng.randint(6, 14)))]


def _throttled(rng: random.Random) -> list[Fault]:
    return _face(rng, FaultAction(code="RequestLimitExceeded"), 5)


def _internal_errors(rng: random.Random) -> list[Fault]:
    return _face(rng, FaultAction(code="InternalError"), 2)


def _failed_downloads(rng: random.Random) -> list[Fault]:
    return [
        Fault(FaultAction(status=503), Match("cos", user_agent=FETCHER, times=rng.randint(1, 2)))
    ]


def _failed_frames(rng: random.Random) -> list[Fault]:
    match = Match("cos", "GET", key="faceid/*", probability=rng.uniform(0.3, 1), seed=_seed(rng))
    return [Fault(rng.choice((FaultAction(status=503), FaultAction(reset="before"))), match)]


def _stale_lists(rng: random.Random) -> list[Fault]:
    return [Fault(FaultAction(stale_list=rng.uniform(0.1, 5)))]


def _stale_heads(rng: random.Random) -> list[Fault]:
    key = rng.choice(("liveness/incoming/*", "liveness/results/*"))
    return [Fault(FaultAction(head_lag=rng.uniform(0.02, 0.3)), Match(key=key))]


_FAULTS = (
    _errors,
    _errors_after_the_effect,
    _lost_requests,
    _lost_replies,
    _lost_replies_of_puts,
    _delays,
    _lost_calls,
    _lost_answers,
    _lost_answers,
    _gateway_errors,
    _outage,
    _throttled,
    _internal_errors,
    _failed_downloads,
    _failed_frames,
    _stale_lists,
    _stale_heads,
)
