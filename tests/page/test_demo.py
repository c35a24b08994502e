"""`make demo`: its people, their faces, and the command from start to Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections import Counter

from liveness_demo.faces import draw_picture, live_scene, person, reference_scene
from liveness_demo.people import applicants
from liveness_review.pictures import Picture, identify


def test_the_people_have_every_outcome_and_no_two_are_alike() -> None:
    people = applicants()
    assert len(people) == 60
    assert len({applicant.pair_id for applicant in people}) == 60
    references = [applicant.submissions[0].reference for applicant in people]
    assert len({person(number) for number in references}) == 60
    kinds = Counter(
        applicant.submissions[-1].answer.get("code", "compared") for applicant in people
    )
    assert kinds["compared"] > 40
    assert len(kinds) >= 9
    assert sum(a.submissions[-1].reference != a.submissions[-1].live for a in people) >= 5
    assert sum(len(applicant.decisions) for applicant in people) >= 12
    assert applicants() == people, "the same every time"


def test_faces_are_pictures_and_the_same_every_time() -> None:
    pictures = [
        draw_picture(person(number), scene(number))
        for number in (1, 2)
        for scene in (reference_scene, live_scene)
    ]
    assert {identify(body) for body in pictures} == {Picture("image/jpeg", 400, 500)}
    assert len(set(pictures)) == 4
    assert draw_picture(person(1), reference_scene(1)) == pictures[0]


def test_the_demo_runs_until_ctrl_c() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "liveness_demo", "--no-browser", "--people", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={name: text for name, text in os.environ.items() if "proxy" not in name.lower()},
    )
    try:
        assert process.stdout is not None
        address = ""
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\S+", line):
                address = found[0]
            if "Ctrl-C" in line:
                break
        assert address
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )
        opener.open(address).read()
        listed = opener.open(address.partition("open?")[0]).read().decode()
        assert "3 results" in listed
        assert "kyc-21302" in listed
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    assert errors == ""
