"""What goes wrong in a run, drawn from its seed alone: the same seed makes the same choices."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from liveness_sandbox import Fault, FaultAction, Match

from .people import NAMES, Content, Work, image, live

PHOTO = (Path(__file__).parents[2] / "events/sample/reference.jpg").read_bytes()
BUCKET = "faces-1250000000"
FETCHER = "faceid-resource-fetcher"  # the face API, when it reads what it was given
_LEDGER = "liveness/ledger"


@dataclass(frozen=True)
class Person:
    """Someone's uploads, in order; who has no image stays incomplete."""

    name: str
    lives: tuple[Content, ...]
    images: tuple[Content, ...]

    @property
    def works(self) -> list[Work]:
        """Every pair that can ever lie there together."""
        return [Work(item, other) for item in self.lives for other in self.images]

    @property
    def last(self) -> Work | None:
        return self.works[-1] if self.works else None


@dataclass(frozen=True)
class Act:
    """After a pause in seconds, an upload or the delivery of its notification."""

    pause: float
    what: str  # "upload" or "notify"
    content: Content


@dataclass(frozen=True)
class Kill:
    """SIGKILL to whoever makes the n-th such request, so long after it had its effect."""

    step: str
    match: Match
    nth: int
    delay: float


@dataclass(frozen=True)
class Plan:
    """A run."""

    seed: int
    people: tuple[Person, ...]
    acts: tuple[Act, ...]
    faults: tuple[Fault, ...]
    kills: tuple[Kill, ...]
    races: bool  # two creators of one claim at one time are both told that they were first
    jumps: tuple[float, ...]  # seconds that the clock is moved on by, one after another
    late: tuple[Content, ...]  # notifications that come only after a jump
    unnotified: frozenset[str]  # whose events were not all delivered

    @property
    def works(self) -> list[Work]:
        return [work for person in self.people for work in person.works]


def plan(seed: int) -> Plan:
    """The run of that seed."""
    rng = random.Random(seed)
    people = tuple(_person(name, rng) for name in rng.sample(NAMES, rng.randint(2, 3)))
    acts, late, unnotified = _acts(people, rng)
    return Plan(
        seed=seed,
        people=people,
        acts=acts,
        faults=tuple(
            fault for make in rng.sample(_WEATHER, rng.randint(1, 4)) for fault in make(rng)
        ),
        kills=tuple(_kill(rng) for _ in range(rng.randint(0, 3))),
        races=rng.random() < 0.6,
        # More than the minute after which the platform tries again, and than a lease of 50 s.
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
    """Uploads of all people mixed, each one's own in order; notifications anywhere behind them."""
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
        both = max(place for place, (_, each) in enumerate(order) if each.owner == content.owner)
        for _ in range(copies):
            # At once, or when all of the person's are there and two instances meet; else anywhere.
            place = rng.choice((first, both + 1, both + 1, rng.randint(first, len(order)), None))
            if place is None:
                late.append(content)
            else:
                order.insert(place, ("notify", content))
    acts = [Act(rng.choice((0, 0, 0, 0.01, 0.05)), what, content) for what, content in order]
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
    "a frame": Match("cos", "PUT", key="liveness/results/*.jpg"),
    "a result": Match("cos", "PUT", key="liveness/results/*/result.json"),
    "a marker": Match("cos", "PUT", key=f"{_LEDGER}/pending/*"),
    "a marker's end": Match("cos", "DELETE", key=f"{_LEDGER}/pending/*"),
    "a drainer's slot": Match("cos", "PUT", key=f"{_LEDGER}/drain/*"),
}


def _kill(rng: random.Random) -> Kill:
    step = rng.choice(list(_STEPS))
    nth = rng.randint(1, 120 if step == "any request" else 4)
    return Kill(step, _STEPS[step], nth, rng.choice((0, 0, rng.uniform(0, 0.02))))


# ---- faults: each of these returns what belongs together


def _where(rng: random.Random) -> str:
    """A part of the bucket, or all of it."""
    return rng.choice(("*", f"{_LEDGER}/*", f"{_LEDGER}/claims/*", "liveness/results/*"))


def _seed(rng: random.Random) -> int:
    return rng.randrange(1 << 30)


def _cos(
    rng: random.Random, do: FaultAction, least: float, most: float, method: str | None = None
) -> list[Fault]:
    match = Match(
        "cos", method, BUCKET, _where(rng), probability=rng.uniform(least, most), seed=_seed(rng)
    )
    return [Fault(do, match)]


def _storm(rng: random.Random) -> list[Fault]:
    return _cos(rng, FaultAction(status=rng.choice((500, 503))), 0.1, 0.45)


def _storm_after_the_effect(rng: random.Random) -> list[Fault]:
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


def _slow(rng: random.Random) -> list[Fault]:
    return _cos(
        rng,
        FaultAction(delay=rng.uniform(0.005, 0.05), when=rng.choice(("before", "after"))),
        0.2,
        0.6,
    )


def _face(rng: random.Random, do: FaultAction, most: int) -> list[Fault]:
    times = rng.randint(1, most)
    return [
        Fault(do, Match("faceid", times=times, probability=rng.uniform(0.4, 1), seed=_seed(rng)))
    ]


def _call_lost(rng: random.Random) -> list[Fault]:
    return _face(rng, rng.choice((FaultAction(drop="before"), FaultAction(reset="before"))), 2)


def _answer_lost(rng: random.Random) -> list[Fault]:
    return _face(rng, rng.choice((FaultAction(drop="after"), FaultAction(reset="after"))), 5)


def _face_storm(rng: random.Random) -> list[Fault]:
    return _face(rng, FaultAction(status=502, when=rng.choice(("before", "after"))), 4)


def _throttled(rng: random.Random) -> list[Fault]:
    return _face(rng, FaultAction(code="RequestLimitExceeded"), 5)


def _face_trouble(rng: random.Random) -> list[Fault]:
    return _face(rng, FaultAction(code="InternalError"), 2)


def _download_fails(rng: random.Random) -> list[Fault]:
    return [
        Fault(FaultAction(status=503), Match("cos", user_agent=FETCHER, times=rng.randint(1, 2)))
    ]


def _frames_fail(rng: random.Random) -> list[Fault]:
    match = Match("cos", "GET", key="faceid/*", probability=rng.uniform(0.3, 1), seed=_seed(rng))
    return [Fault(rng.choice((FaultAction(status=503), FaultAction(reset="before"))), match)]


def _stale_lists(rng: random.Random) -> list[Fault]:
    return [Fault(FaultAction(stale_list=rng.uniform(0.1, 5)))]


def _stale_heads(rng: random.Random) -> list[Fault]:
    key = rng.choice(("liveness/incoming/*", "liveness/results/*"))
    return [Fault(FaultAction(head_lag=rng.uniform(0.02, 0.3)), Match(key=key))]


_WEATHER = (
    _storm,
    _storm_after_the_effect,
    _lost_requests,
    _lost_replies,
    _lost_replies_of_puts,
    _slow,
    _call_lost,
    _answer_lost,
    _answer_lost,
    _face_storm,
    _throttled,
    _face_trouble,
    _download_fails,
    _frames_fail,
    _stale_lists,
    _stale_heads,
)
