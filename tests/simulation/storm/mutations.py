"""The code broken on purpose, once a mutation. The simulation must find every one.

A mutation replaces one passage of the real source while it is imported; a passage that is not there
exactly once is an error, so that the list cannot go stale. `python -m tests.simulation.storm
mutations` runs all; the number of seeds that each took is what it prints.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

SOURCE = Path(__file__).parents[3] / "src" / "liveness"


class Mutation(NamedTuple):
    """One safety taken out."""

    name: str
    module: str
    passage: str
    instead: str

    def applied(self) -> str:
        """The module's source with the safety taken out. Raises ValueError."""
        source = (SOURCE / f"{self.module}.py").read_text()
        if source.count(self.passage) != 1:
            raise ValueError(
                f"mutation {self.name!r}: its passage stands {source.count(self.passage)} times in "
                f"{self.module}.py, not once; write it anew"
            )
        return source.replace(self.passage, self.instead)


MUTATIONS = (
    Mutation(
        "no read-back: a 200 is taken as ours",
        "pair",
        "            if claim.nonce == nonce:\n                step",
        "            if claim.nonce == nonce or fresh:\n                step",
    ),
    Mutation(
        "a 409 for our own claim is taken as somebody else's",
        "pair",
        "            if claim.nonce == nonce:\n                step",
        "            if claim.nonce == nonce and fresh:\n                step",
    ),
    Mutation(
        "the response is not read again after the claim",
        "ledger",
        '            lambda: None if fresh else self._get(f"{number}.released"),\n'
        "            self.response,\n",
        '            lambda: None if fresh else self._get(f"{number}.released"),\n'
        "            lambda: None,\n",
    ),
    Mutation(
        "the response record after publishing",
        "pair",
        "            return self.keep(ledger, self._response(came, attempt, spent))\n",
        "            mine = self._response(came, attempt, spent)\n"
        "            self.publish(work, Standing(mine))\n"
        "            return self.keep(ledger, mine)\n",
    ),
    Mutation(
        "result.json before the frame",
        "publish",
        "        if frame is None:\n"
        "            frame = self._put_frame(self.fetch(answer)) if answer else _NO_ANSWER\n",
        "        got = self.fetch(answer) if answer else _NO_ANSWER\n"
        "        if not isinstance(got, NoFrame):\n"
        "            copy = FrameCopy(got.md5, len(got.body))\n"
        "            self._put(work, outcome, detail, response, copy)\n"
        "        frame = self._put_frame(got)\n",
    ),
    Mutation(
        "no second look",
        "pair",
        "                published = self.publish(work, step)\n",
        "                return self.publish(work, step)\n",
    ),
    Mutation(
        "the frame at a fixed key",
        "keys",
        'return f"{settings.result_prefix}{pair_id}/best-frame-{md5}.jpg"',
        'return f"{settings.result_prefix}{pair_id}/best-frame.jpg"',
    ),
    Mutation(
        "the lease by the local clock",
        "ledger",
        "        return Claim(number, _nonce_in(stored), stored.head.age, released=False)\n",
        "        age = self._store._clock.now() - stored.head.last_modified\n"
        "        return Claim(number, _nonce_in(stored), age, released=False)\n",
    ),
    Mutation(
        "a running lease leaves no marker",
        "pair",
        "            if isinstance(step, Park):\n                step = self._park(step)\n",
        "            if isinstance(step, Park):\n"
        '                if "lease" in step.why:\n'
        '                    return Ended(self._pair_id, "parked", None, step.why)\n'
        "                step = self._park(step)\n",
    ),
    Mutation(
        "a released attempt counts as billed",
        "pair",
        "                counted = [item for item in taken if not item.released]\n"
        "                left = max",
        "                counted = taken\n                left = max",
    ),
    Mutation(
        "an ambiguous attempt does not count",
        "pair",
        "            spent += len(counted)\n",
        "            spent += 0\n",
    ),
    Mutation(
        "sent without an answer is taken as never sent",
        "call",
        "            return Unanswered()\n",
        '            return SetBack(PAUSE_SECONDS, "no answer came")\n',
    ),
    Mutation(
        "the marker after the release",
        "pair",
        "            parked = self._park(Park(came.seconds, came.why))\n"
        "            self._release(ledger, attempt)\n",
        "            self._release(ledger, attempt)\n"
        "            parked = self._park(Park(came.seconds, came.why))\n",
    ),
    Mutation(
        "one marker name a pair",
        "keys",
        '    return f"{markers_due_at(settings, due)}-{pair_hash(pair_id)}-{nonce}"\n',
        '    return f"{markers_due_at(settings, 0)}-{pair_hash(pair_id)}-x"\n',
    ),
    Mutation(
        "the marker deleted before the result",
        "backlog",
        "        tail = park(on.settings, on.store, on.chance, again, _VISIT_SECONDS)\n"
        "        on.store.delete(bucket, key)\n",
        "        on.store.delete(bucket, key)\n        tail = key\n",
    ),
    Mutation(
        "given up over a paid response",
        "pair",
        "        standing = ledger.response()\n        # None:",
        "        standing = response\n        # None:",
    ),
    Mutation(
        "a bad link is stored as final",
        "call",
        "            if outcome.final and prepared:\n",
        "            if prepared and (outcome.final or outcome.category == verdicts.BAD_LINK):\n",
    ),
    Mutation(
        "a token taken after the claim",
        "call",
        "            if not on.pace.start():\n",
        "            on.pace.turn(_seconds_for_call(on, attempt))\n"
        "            if not on.pace.start():\n",
    ),
    Mutation(
        "reconcile by times alone",
        "reconcile",
        "        stale = _look_at(on, log, suspects, needs_work)\n",
        "        written = _results_of(on, suspects)\n"
        "        stale = [pair for pair in suspects if pairs[pair] > written.get(pair, 0.0)]\n",
    ),
    Mutation(
        "an answer that came late is thrown away",
        "pair",
        "        ledger.keep_late(mine)\n",
        "",
    ),
    Mutation(
        "a result without its frame stays",
        "pair",
        "        if look.published_frameless:\n",
        "        if False:\n",
    ),
    Mutation(
        "drainers at ten times the rate",
        "handler",
        "TokenBucket(on.settings.rate_limit, on.clock)",
        "TokenBucket(10 * on.settings.rate_limit, on.clock)",
    ),
    Mutation(
        "what the service says is kept as it came",
        "face",
        'return _SECRET.sub("[link]", _plain(value))[:_MAX_TEXT]',
        "return _plain(value)",
    ),
    Mutation(
        "a write that may land late is not looked after",
        "publish",
        "            parked = self._look_again_later()\n",
        "            parked = False\n",
    ),
)


class _Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of liveness with other source."""

    def __init__(self, mutation: Mutation) -> None:
        self._name = f"liveness.{mutation.module}"
        self._source = mutation.applied()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, f"<mutated {self._name}>", "exec"), module.__dict__)


def install(mutation: Mutation) -> None:
    """Have the mutated module imported in this process, which must not have it yet."""
    already = [name for name in sys.modules if name.partition(".")[0] == "liveness"]
    if already:
        raise RuntimeError(f"{already[0]} is imported already: mutate in a fresh process")
    sys.meta_path.insert(0, _Importer(mutation))
