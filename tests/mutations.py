"""Mutation testing: the list of mutations, and the two ways of applying one.

A mutation removes one safety from the function by replacing one passage of its source. Each names
the test suites that must detect it. A suite that does not is too weak: it would not have noticed
the defect either.

The passage must occur exactly once in its module, so that an entry which no longer matches the
source is an error instead of a mutation that changes nothing.

- `install` replaces the module while this process imports it: for the deterministic simulation.
- `copy_source` writes a mutated copy of `src`: for chaos, which deploys the code to real processes.
"""

from __future__ import annotations

import compileall
import importlib.abc
import importlib.machinery
import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

SOURCE = Path(__file__).parents[1] / "src"
_PACKAGE = "liveness"

# The suites, by their folders in tests/.
SIMULATION = "simulation"
CHAOS = "chaos"


class Mutation(NamedTuple):
    """One safety removed from the function."""

    name: str
    module: str
    """The module's dotted path within the package, such as "ledger" or "cloud.cos"."""
    passage: str
    replacement: str
    suites: tuple[str, ...] = (SIMULATION,)
    """The suites that must detect the mutation."""

    @property
    def module_name(self) -> str:
        """The module's full name, as an import statement gives it."""
        return f"{_PACKAGE}.{self.module}"

    @property
    def file(self) -> Path:
        """The module's file, relative to `src`."""
        return Path(_PACKAGE, *self.module.split(".")).with_suffix(".py")

    def mutated_source(self) -> str:
        """Return the module's source with the safety removed.

        Raises ValueError where the passage does not occur exactly once.
        """
        source = (SOURCE / self.file).read_text(encoding="utf-8")
        count = source.count(self.passage)
        if count != 1:
            raise ValueError(
                f"mutation {self.name!r}: its passage occurs {count} times in {self.file}, not "
                "once; update the passage"
            )
        return source.replace(self.passage, self.replacement)


MUTATIONS = (
    Mutation(
        "no read-back: a create that got 200 counts as ours",
        "ledger",
        "return mine if claim.nonce == nonce else Theirs(claim)",
        "return mine if created or claim.nonce == nonce else Theirs(claim)",
        suites=(SIMULATION, CHAOS),
    ),
    Mutation(
        "a 409 for our own claim counts as another invocation's",
        "ledger",
        "return mine if claim.nonce == nonce else Theirs(claim)",
        "return mine if created and claim.nonce == nonce else Theirs(claim)",
        suites=(SIMULATION, CHAOS),
    ),
    Mutation(
        "the response is not read after the claim",
        "ledger",
        "            lambda: self._read_created_claim(number),\n            self.response,\n",
        "            lambda: self._read_created_claim(number),\n            lambda: None,\n",
    ),
    Mutation(
        "the response is recorded after the result is published",
        "settle",
        "                return self._record(response_of(answer), answer)\n",
        "                ours = response_of(answer)\n"
        "                self._publisher.publish_result(self._pair, ours, None)\n"
        "                return self._record(ours, answer)\n",
        suites=(SIMULATION, CHAOS),
    ),
    Mutation(
        "result.json is published before the best frame",
        "publish",
        "        if frame is None:\n            frame = self._obtain_frame(pair, response)\n",
        "        if answer and answer.has_best_frame:\n"
        "            copy = StoredFrame(answer.best_frame_md5, 5)\n"
        "            self._put(Finding(pair, outcome, '', response, copy))\n"
        "        frame = self._obtain_frame(pair, response)\n",
        suites=(SIMULATION, CHAOS),
    ),
    Mutation(
        "no re-inspection of the inputs",
        "walk",
        "                published = self._publish(pair, step)\n",
        "                return self._publish(pair, step)\n",
    ),
    Mutation(
        "the best frame has a fixed key",
        "keys",
        'return f"{best_frames_prefix(settings, pair_id)}best-frame-{md5}.jpg"',
        'return f"{best_frames_prefix(settings, pair_id)}best-frame.jpg"',
    ),
    Mutation(
        "the lease is measured by the local clock",
        "ledger",
        "        return Claim(number, read_nonce(stored), stored.head.age)\n",
        "        age = self._ctx.clock.now() - stored.head.last_modified\n"
        "        return Claim(number, read_nonce(stored), age)\n",
    ),
    Mutation(
        "a running lease leaves no marker",
        "walk",
        "                step = self._journal.park(step, pair)\n",
        "                if step.reason is ParkReason.LEASE_HELD:\n"
        "                    return self._parked(Parked(step))\n"
        "                step = self._journal.park(step, pair)\n",
    ),
    Mutation(
        "a released attempt counts as billed",
        "ledger",
        "            if summary is not None:\n",
        "            if False:\n",
    ),
    Mutation(
        "an ambiguous attempt does not count",
        "history",
        "            unanswered=(*self.unanswered, number),\n",
        "            unanswered=self.unanswered,\n",
    ),
    Mutation(
        "a request sent but not answered counts as never sent",
        "call",
        "            return OutcomeUnknown(disposition.detail)\n",
        "            return Deferral(PAUSE_SECONDS, ParkReason.UNREACHABLE)\n",
    ),
    Mutation(
        "the marker is written after the release",
        "settle",
        "        return self._then_release("
        "claim, history, lambda: self._park(deferral, history))\n",
        "        self._release(claim, history)\n        return self._park(deferral, history)\n",
    ),
    Mutation(
        "one marker name per pair",
        "keys",
        '    return f"{markers_due_at(settings, due)}-{pair_hash(pair_id)}-{token}{suffix}"\n',
        '    return f"{markers_due_at(settings, 0)}-{pair_hash(pair_id)}-x"\n',
    ),
    Mutation(
        "the marker is deleted before the result is published",
        "drain",
        "        requeued_key = park(ctx, redelivered, REDELIVERY_SECONDS)\n"
        "        ctx.store.delete(bucket, key)\n",
        "        ctx.store.delete(bucket, key)\n        requeued_key = key\n",
    ),
    Mutation(
        "the pair is given up over a paid response",
        "settle",
        "        recorded = self._ledger.response()\n        # None: an operator",
        "        counted = len(history.unanswered)\n"
        "        recorded = Response(history.number, counted, 0, '', {}, now, now, None)\n"
        "        # None: an operator",
    ),
    Mutation(
        "a bad link is stored as final",
        "verdicts",
        "    outcome = outcome_of_answer(reply, threshold)\n    return Disposition(",
        "    outcome = outcome_of_answer(reply, threshold)\n"
        "    if outcome.category == 'bad-link':\n"
        "        return Disposition(None, outcome.category, '')\n"
        "    return Disposition(",
    ),
    Mutation(
        "the token is taken after the claim",
        "call",
        "        if not ctx.pacer.await_start(permit):\n",
        "        ctx.pacer.acquire(seconds_for_call(ctx, claim))\n"
        "        if not ctx.pacer.await_start(permit):\n",
    ),
    Mutation(
        "reconcile compares times only",
        "reconcile",
        "        outdated = _check(ctx, log, candidates, needs_work)\n",
        "        written = _results_of(ctx, [pair.pair_id for pair in candidates])\n"
        "        outdated = [\n"
        "            pair.pair_id\n"
        "            for pair in candidates\n"
        "            if pair.last_change > written.get(pair.pair_id, 0.0)\n"
        "        ]\n",
    ),
    Mutation(
        "a late answer is discarded",
        "settle",
        "        self._ledger.store_late_response(ours)\n",
        "",
    ),
    Mutation(
        "a result that lacks its frame is not repaired",
        "walk",
        "        if inspection.result_lacks_frame:\n",
        "        if False:\n",
    ),
    Mutation(
        "drainers call at ten times the rate",
        "drain",
        "            rate, ctx.clock, ",
        "            10 * rate, ctx.clock, ",
    ),
    Mutation(
        "the calls of one second are not held apart from the next second's",
        "pacing",
        "            start = self._first_free(earliest)\n",
        "            start = now\n",
    ),
    Mutation(
        "only the latest of the calls that wait for their start are held apart",
        "pacing",
        "            del self._starts[: bisect(self._starts, now - self._window)]\n",
        "            del self._starts[: -2 * self._calls]\n",
    ),
    Mutation(
        "a refused call is sent again without a turn of the pacer's",
        "call",
        "        if not ctx.pacer.await_start(permit):\n",
        "        if permit.resends == 0 and not ctx.pacer.await_start(permit):\n",
    ),
    Mutation(
        "each of several drainers takes the whole rate",
        "drain",
        "    return rate if shards == 1 else int(rate) // shards + (shard < int(rate) % shards)\n",
        "    return rate\n",
    ),
    Mutation(
        "a drain gives its slot back before its last call is a second old",
        "drain",
        "            self._ctx.clock.sleep(self._pacer.seconds_until_quiet())\n",
        "            pass\n",
    ),
    Mutation(
        "at a low rate a drain's first call does not wait",
        "pacing",
        "clock.monotonic() + self._window - 1.0\n",
        "clock.monotonic()\n",
    ),
    Mutation(
        "a drain takes a slot that another one holds",
        "drain_slot",
        "            if stored is None or self._nonce.encode() not in stored.body:\n"
        "                return False\n",
        "",
    ),
    Mutation(
        "a drain keeps a slot that it took by a wrong clock",
        "drain_slot",
        "            if self._slot_at(moment) == self._slot_at(self._ctx.store.now()):\n",
        "            if True:\n",
    ),
    Mutation(
        "calls start up to the end of a slot that is not renewed",
        "drain_slot",
        "        return self._ctx.store.now() < self._ends - _LAST_CALL_SECONDS\n",
        "        return self._ctx.store.now() < self._ends\n",
    ),
    Mutation(
        "a call starts after its drainer has lost the slot",
        "pacing",
        "        return self._slot.is_valid() and not self._breaker.blocks\n",
        "        return not self._breaker.blocks\n",
    ),
    Mutation(
        "a drain goes on in a slot that may yet be deleted",
        "drain",
        "                if not self._release():\n                    break\n",
        "                self._release()\n",
    ),
    Mutation(
        "a reply sets the store's clock however long it took",
        "store",
        "            offset = max(self._clock_offset, date - now)\n"
        "            self._clock_offset = min(offset, date + 1 - sent)\n",
        "            self._clock_offset = date - now if abs(date - now) > 2 else 0.0\n",
    ),
    Mutation(
        "the service's text is stored unredacted",
        "face_api",
        'return _SECRET.sub("[link]", text)[:_MAX_TEXT_CHARS]',
        "return text[:_MAX_TEXT_CHARS]",
    ),
    Mutation(
        "a write that may land late is not rechecked",
        "publish",
        "                on_first_failure=self.schedule_recheck,\n",
        "",
    ),
    Mutation(
        "a call without an answer is repeated under the same attempt",
        "call",
        "            return OutcomeUnknown(disposition.detail)\n",
        "            pass\n",
        suites=(SIMULATION, CHAOS),
    ),
    Mutation(
        "attempts are not spaced",
        "settle",
        "        if history.wait(now) and not self._urgent:\n",
        "        if False:\n",
    ),
    Mutation(
        "a pair is given up before an hour has passed",
        "history",
        "        return max(self.not_before, self.since + MIN_SPAN_SECONDS) "
        "if self.unanswered else 0.0\n",
        "        return 0.0\n",
    ),
    Mutation(
        "the hour begins with a set-back",
        "history",
        "        since = self.since if self.unanswered else began\n",
        "        since = self.since or began\n",
    ),
    Mutation(
        "an answer after the deadline is dropped",
        "settle",
        "                self._ledger.store_late_response(response_of(answer))\n",
        "                pass\n",
    ),
    Mutation(
        "late answers are not looked for",
        "settle",
        "        late = self._ledger.late_response(history.unanswered) "
        "if history.unanswered else None\n",
        "        late = None\n",
    ),
    Mutation(
        "a late failure is passed over",
        "ledger",
        "        return None if self.grants else responses[0]\n",
        "        return None\n",
    ),
    Mutation(
        "set-backs are not counted",
        "history",
        "            setbacks=self.setbacks + 1,\n",
        "            setbacks=self.setbacks,\n",
    ),
    Mutation(
        "a set-back is forgotten if the second try is throttled",
        "call",
        "            return set_back or account_deferral(disposition)\n",
        "            return account_deferral(disposition)\n",
    ),
    Mutation(
        "a second try at every attempt",
        "settle",
        "                may_retry=history.setbacks == 0,\n",
        "                may_retry=True,\n",
    ),
    Mutation(
        "the pair's set-backs are taken for the account's",
        "verdict_table",
        "    BAD_LINK: Owner.PAIR,\n",
        "    BAD_LINK: Owner.ACCOUNT,\n",
    ),
    Mutation(
        "the account's refusals are taken for the pair's",
        "verdict_table",
        "    CONFIGURATION: Owner.ACCOUNT,\n",
        "    CONFIGURATION: Owner.PAIR,\n",
    ),
    Mutation(
        "a release does not sum up the attempts before it",
        "ledger",
        "    return history if history.number == claim.number else None\n",
        "    return History(claim.number)\n",
    ),
    Mutation(
        "no marker carries a history",
        "journal",
        "            marker = marker._replace(fingerprint=pair.fingerprint, history=known)\n",
        "            marker = marker._replace(fingerprint=pair.fingerprint)\n",
    ),
    Mutation(
        "an attempt stays unreleased after an error",
        "settle",
        "        with contextlib.suppress(LivenessError):\n"
        "            self._release(claim, released)\n",
        "",
    ),
    Mutation(
        "an attempt without a reply is released",
        "settle",
        "                deferral = Deferral("
        "self._pause(later), ParkReason.OUTCOME_UNKNOWN, detail)\n",
        "                deferral = Deferral("
        "self._pause(later), ParkReason.OUTCOME_UNKNOWN, detail)\n"
        "                self._park(deferral, released)\n"
        "                self._release(claim, released)\n",
    ),
    Mutation(
        "a fresh claim is read back only once",
        "ledger",
        "        return with_retries(read, self._ctx.clock, self._ctx.rng)\n",
        "        return read()\n",
    ),
    Mutation(
        "the verdict follows from today's threshold instead of the record's",
        "ledger",
        "        return response\n\n    # ---- objects\n",
        "        return response._replace(threshold=self._ctx.settings.sim_threshold)\n\n"
        "    # ---- objects\n",
    ),
    Mutation(
        "an open breaker never closes",
        "breaker",
        "                self._failures.clear()\n                self._state = None\n",
        "                self._failures.clear()\n",
    ),
    Mutation(
        "a slot's DELETE that failed is repeated",
        "drain_slot",
        "        keys = self._keys[-2:]\n        self._keys.clear()\n",
        "        keys = self._keys[-2:]\n",
    ),
    Mutation(
        "a stdout that fails ends the invocation",
        "logs",
        "    with contextlib.suppress(OSError, ValueError, AttributeError):\n",
        "    if True:\n",
    ),
    Mutation(
        "contents beyond the limit of submissions are admitted",
        "admission",
        "        if admission.number is None:\n",
        "        if False:\n",
    ),
    Mutation(
        "a submission's number is not read back",
        "admission",
        "            if self.entries[number].fingerprint == self._fingerprint:\n",
        "            if True:\n",
    ),
    Mutation(
        "a package that was judged is called for again",
        "admission",
        "        if judged:\n            return min(judged)\n",
        "",
    ),
    Mutation(
        "a package is taken for unused while a call with it is under way",
        "admission",
        "                seconds = min(seconds, _LOOK_AGAIN_SECONDS)\n"
        "                return InUse(seconds + self._ctx.rng.uniform(_JITTER_SECONDS))\n",
        "                continue\n",
    ),
    Mutation(
        "a package's number 1 counts as fresh though others are taken",
        "admission",
        "        return set(self.entries) == {1} and self.has_number\n",
        "        return self.entries[1].fingerprint == self._fingerprint\n",
    ),
    Mutation(
        "others are not looked at again after a number is taken",
        "admission",
        "                return self._do_without_number(uses, reports)\n"
        "            found = self._examine(uses)\n",
        "                return self._do_without_number(uses, reports)\n",
    ),
    Mutation(
        "another pair's late answer with the same package is not waited for",
        "ledger",
        "        seconds_left = MAX_INVOCATION_SECONDS - latest.age if latest else 0.0\n",
        "        seconds_left = 50 - latest.age if latest else 0.0\n",
    ),
    Mutation(
        "another pair's late answer with the same package is not looked for",
        "admission",
        "                if _is_verdict(standing.late):\n"
        "                    return entry.written\n",
        "",
    ),
)


def mutations_of(suite: str) -> tuple[Mutation, ...]:
    """Return the mutations that this suite must detect."""
    return tuple(mutation for mutation in MUTATIONS if suite in mutation.suites)


def find_mutation(part: str, suite: str) -> Mutation:
    """Return the suite's mutation whose name contains this text. Raises LookupError."""
    every = mutations_of(suite)
    matches = [mutation for mutation in every if part in mutation.name]
    if len(matches) != 1:
        names = "\n  ".join(mutation.name for mutation in matches or every)
        raise LookupError(f"{len(matches)} mutations contain {part!r}; name one of\n  {names}")
    return matches[0]


class _MutatingImporter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from mutated source."""

    def __init__(self, mutation: Mutation) -> None:
        self._name = mutation.module_name
        self._source = mutation.mutated_source()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, f"<mutated {self._name}>", "exec"), module.__dict__)


def install(mutation: Mutation) -> None:
    """Make this process import the mutated module.

    Raises RuntimeError if any module of the function has been imported already.
    """
    imported = [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]
    if imported:
        raise RuntimeError(f"{imported[0]} has been imported already: mutate in a fresh process")
    sys.meta_path.insert(0, _MutatingImporter(mutation))


def copy_source(destination: Path, mutation: Mutation | None = None) -> Path:
    """Copy `src`, mutated or as it is, to a folder that can be deployed; return that folder."""
    ignored = shutil.ignore_patterns("*.pyc.*")
    folder = Path(shutil.copytree(SOURCE, destination, ignore=ignored))
    if mutation is not None:
        (folder / mutation.file).write_text(mutation.mutated_source(), encoding="utf-8")
    compileall.compile_dir(folder, quiet=2)  # once, instead of at every cold start
    return folder
