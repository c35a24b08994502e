"""What customers, the platform and operators do in one run, and how much goes wrong: all by one
seed. A plan is a value, so a failing one can be made shorter."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import fate
from .decisions import Profile
from .service import VERDICTS

PAIRS = ("anna", "ben", "cleo")
CROWD = tuple(f"crowd-{number}" for number in range(12))
# Kinds of actions.
UPLOAD, REMOVE, INVOKE = "upload", "remove", "invoke"


class Action(NamedTuple):
    """Something that is done from outside; `at` is in seconds since the begin."""

    at: float
    kind: str
    key: str = ""  # of an input, without the prefix
    body: bytes = b""
    multipart: bool = False
    event: Mapping[str, Any] | None = None
    # What it waits for before `at` is counted: that the pair's walk sends such a request.
    on: str = ""


class Plan(NamedTuple):
    """One run, before anything is left to chance."""

    seed: int
    actions: tuple[Action, ...]
    profile: Profile
    settings: Mapping[str, str]
    timeout: float  # of the function, seconds
    quota: int = 1000  # instances at once
    twice: float = 0.0  # the share of events that come twice
    dropped: float = 0.0
    late: float = 0.0  # that come later than others, up to hours
    skew: float = 0.0  # how wrong clocks are at most, seconds
    poisoned: str = ""  # a pair whose calls kill their instance
    hourly: bool = False  # reconcile runs meanwhile, too
    month_later: bool = False  # results are removed, the ledger expires
    left_out: frozenset[int] = frozenset()  # actions that do not happen after all


# How likely a kind of fault is where a run has it at all. Calls are few; and two requests are
# seldom under way at once, as both must be to be created both.
_SHARES = (0.004, 0.02, 0.08)
_SHARES_OF_FEW = (0.05, 0.25, 0.7)
# Moments of a walk at which customers change their mind, to be sure that it is seen.
MOMENTS = ("head result", "claim", "detect", "response", "frame", "put result")
_SETTING_CHOICES: Mapping[str, tuple[str, ...]] = {
    "LIVENESS_MAX_ATTEMPTS": ("3", "3", "2", "1"),
    "LIVENESS_RATE_LIMIT": ("5", "5", "1", "2"),
    "LIVENESS_TRANSFER": ("presign", "presign", "presign", "upload"),
}


def plan(seed: int) -> Plan:
    """Everything that one seed means."""
    dice = random.Random(seed)
    pairs = PAIRS[: dice.choice((1, 1, 1, 2, 3))]
    actions = [action for pair in pairs for action in _customer(dice, pair)]
    actions += [_operator(dice, pairs) for _ in range(dice.choice((0, 0, 0, 1, 2)))]
    kinds, few = _kinds(dice), (*fate.AT_FACE, fate.RACE, fate.GONE, fate.BROKEN)
    if dice.random() < 0.03:
        pairs += CROWD
        actions += _crowd(dice)
    storm = dice.choice((20.0, 90.0, 400.0))
    poisoned = dice.random() < 0.02
    return Plan(
        seed,
        tuple(sorted(actions, key=lambda action: action.at)),
        Profile(
            {kind: dice.choice(_SHARES_OF_FEW if kind in few else _SHARES) for kind in kinds},
            slow=dice.choice((0.0, 0.0, 0.05, 0.3)),
            until=storm,
        ),
        {name: dice.choice(choices) for name, choices in _SETTING_CHOICES.items()},
        timeout=dice.choice((900.0, 900.0, 120.0)),
        quota=dice.choice((1000, 1000, 1000, 1, 2)),
        twice=dice.choice((0.0, 0.2, 0.6)),
        dropped=dice.choice((0.0, 0.0, 0.0, 0.3)),
        late=dice.choice((0.0, 0.2, 0.5)),
        skew=dice.choice((0.0, 240.0)),
        poisoned=dice.choice(pairs) if poisoned else "",
        hourly=dice.random() < 0.1,
        month_later=dice.random() < 0.05,
    )


def _kinds(dice: random.Random) -> list[str]:
    """Few kinds at a time: each is seen with all others, and none hides them."""
    every = [
        *fate.CRASHES,
        *fate.PAUSES,
        *fate.AT_STORE,
        fate.STALE_LIST,
        fate.RACE,
        *fate.AT_FACE,
        fate.GONE,
        fate.BROKEN,
    ]
    chosen = dice.sample(every, dice.choice((0, 1, 2, 2, 3, 3, 4, 6)))
    if dice.random() < 0.06:
        chosen.append(fate.STALE_HEAD)
    return chosen


def _customer(dice: random.Random, pair: str) -> list[Action]:
    """Uploads both inputs, and perhaps changes its mind."""
    begin = dice.choice((0.0, 0.0, 2.0, 30.0, 58.0))
    verdicts = [b"pass", b"pass", b"pass", *VERDICTS]

    def at() -> float:
        return begin + dice.choice((0.0, 0.01, 0.3, 1.5, 4.0, 12.0, 50.0)) * (0.5 + dice.random())

    def live(number: int) -> Action:
        body = dice.choice(verdicts) + f" {pair} {number}".encode()
        return Action(at(), UPLOAD, f"{pair}/live.bin", body, dice.random() < 0.2)

    def image(number: int, ending: str = "jpg") -> Action:
        return Action(at(), UPLOAD, f"{pair}/reference.{ending}", f"{pair} {number}".encode())

    first = [live(1), image(1)]
    actions = list(first)
    for number in range(dice.choice((0, 0, 0, 1, 1, 2, 3))):
        what = dice.randrange(7)
        if what < 2:
            actions.append(live(number + 2))
        elif what == 2:
            actions.append(image(number + 2))
        elif what == 3:  # the same bytes again
            actions.append(dice.choice(first)._replace(at=at()))
        elif what == 4:  # gone, and perhaps back
            gone = dice.choice(first)
            moment = at()
            actions.append(Action(moment, REMOVE, gone.key))
            if dice.random() < 0.7:
                actions.append(gone._replace(at=moment + dice.choice((0.0, 0.2, 3.0, 20.0))))
        elif what == 5:  # a second image, taken away again
            second = image(number + 2, "png")
            actions.append(second)
            if dice.random() < 0.7:
                actions.append(Action(second.at + dice.choice((0.1, 5.0)), REMOVE, second.key))
                # Removing wakes nobody: the customer asks for another look.
                asked = {"pairs": [pair]}
                actions.append(Action(second.at + 6.0, INVOKE, event=asked))
        else:  # nothing in it
            actions.append(dice.choice(first)._replace(at=at(), body=b""))
    if dice.random() < 0.3:  # at the worst moment
        moment = dice.choice(MOMENTS)
        late = dice.choice((0.0, 0.001, 0.01, 0.02, 0.1, 0.5))
        what = dice.choice((live(9), live(9), image(9), *first))
        if dice.random() < 0.15:
            what = Action(0.0, REMOVE, what.key)
        actions.append(what._replace(at=late, on=moment))
    if dice.random() < 0.2:  # and somebody else comes to it
        late = dice.choice((0.0, 0.001, 0.005))
        asked = Action(late, INVOKE, f"{pair}/", event={"pairs": [pair]}, on=dice.choice(MOMENTS))
        actions.append(asked)
    return actions


def _crowd(dice: random.Random) -> list[Action]:
    """Many whose events were lost, found all at once."""
    actions = [
        Action(0.0, UPLOAD, f"{pair}/{name}", b"pass " + pair.encode())
        for pair in CROWD
        for name in ("live.bin", "reference.jpg")
    ]
    at = dice.uniform(1, 60)
    return [*actions, Action(at, INVOKE, event={"reconcile": {}})]


def _operator(dice: random.Random, pairs: tuple[str, ...]) -> Action:
    event: Mapping[str, Any] = dice.choice(
        (
            {"pairs": list(pairs)},
            {"retry": [dice.choice(pairs)]},
            {"drain": {}},
            {"drain": {}},
            {"reconcile": {}},
        )
    )
    return Action(dice.uniform(0, 150), INVOKE, event=event)
