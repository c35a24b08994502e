"""Every mutation still matches the source; the suites themselves show that they detect it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .mutations import CHAOS, MUTATIONS, SIMULATION, SOURCE, Mutation, copy_source, find_mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_mutation_matches_the_source_and_compiles(mutation: Mutation) -> None:
    compile(mutation.mutated_source(), mutation.name, "exec")


def test_a_copy_differs_from_src_in_the_mutated_module_only(tmp_path: Path) -> None:
    mutation = find_mutation("the best frame has a fixed key", SIMULATION)
    folder = copy_source(tmp_path / "src", mutation)

    changed = [
        file.relative_to(folder)
        for file in folder.rglob("*.py")
        if file.read_bytes() != (SOURCE / file.relative_to(folder)).read_bytes()
    ]
    assert changed == [mutation.file]


def test_a_passage_that_is_not_in_the_source_is_an_error() -> None:
    with pytest.raises(ValueError, match="occurs 0 times"):
        Mutation("outdated", "keys", "this is not in the file", "").mutated_source()


def test_the_module_may_be_in_a_subpackage() -> None:
    mutation = Mutation("nested", "cloud.cos", "", "")

    assert mutation.module_name == "liveness.cloud.cos"
    assert mutation.file == Path("liveness/cloud/cos.py")


def test_part_of_a_name_finds_one_mutation_of_the_suite() -> None:
    assert find_mutation("read-back", CHAOS) in MUTATIONS
    with pytest.raises(LookupError, match="2 mutations contain"):
        find_mutation("the marker is", SIMULATION)
