"""Copies of src, whole or with one safety taken out: chaos must be able to see that it is."""

from __future__ import annotations

import compileall
import shutil
from dataclasses import dataclass
from pathlib import Path

_SRC = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Change:
    """Text that stands once in a file of src/liveness, and what stands there instead."""

    file: str
    text: str
    instead: str


SAFETIES: dict[str, Change] = {
    # Whoever got a 200 believes that the claim is theirs.
    "read-back": Change(
        "ledger.py",
        "        return self._with_release(claim, released), response\n",
        "        claim = claim._replace(nonce=nonce) if fresh else claim\n"
        "        return self._with_release(claim, released), response\n",
    ),
    # A 409 is somebody else's, also after the reply to our own first try was lost.
    "own-409": Change(
        "pair.py",
        "            if claim.nonce == nonce:\n",
        "            if fresh and claim.nonce == nonce:\n",
    ),
    # The answer is published before it is written down.
    "record-first": Change(
        "pair.py",
        "            return self.keep(ledger, self._response(came, attempt, spent))\n",
        "            response = self._response(came, attempt, spent)\n"
        "            self._publisher.result(work, response, None)\n"
        "            return self.keep(ledger, response)\n",
    ),
    # The result names its frame before that lies there: it is put a moment late.
    "frame-first": Change(
        "publish.py",
        "self._on.store.put(settings.result_bucket, key, frame.body, JPEG, {})",
        "put, what = self._on.store.put, (settings.result_bucket, key, frame.body, JPEG, {})\n"
        "        __import__('threading').Timer(0.2, put, what).start()",
    ),
    # Sent and not answered is taken for never sent: the same attempt calls again.
    "ambiguity": Change(
        "call.py",
        '            log("pair.call-unanswered", attempt=attempt.number, why=reply.why)\n'
        "            return Unanswered()\n",
        "            reply = NotSent(reply.why)\n",
    ),
}


def copy_of_src(to: Path, without: str | None = None) -> Path:
    """A folder to deploy, at `to`. Raises ValueError where a safety is not found any more."""
    code = Path(shutil.copytree(_SRC, to, ignore=shutil.ignore_patterns("*.pyc.*")))
    if without is not None:
        change = SAFETIES[without]
        file = code / "liveness" / change.file
        text = file.read_text(encoding="utf-8")
        if text.count(change.text) != 1:
            raise ValueError(f"{change.file} does not hold this text once: {change.text!r}")
        file.write_text(text.replace(change.text, change.instead), encoding="utf-8")
    compileall.compile_dir(code, quiet=2)  # once, and not at every cold start
    return code
