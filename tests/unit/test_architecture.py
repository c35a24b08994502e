"""The core of the function imports neither SDKs, clocks, threads nor the network."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/liveness"
CORE = sorted(SOURCE.glob("*.py"))
MODULES = sorted(SOURCE.rglob("*.py"))
# Puts the function together: the one module of the core that may import the cloud.
COMPOSITION = "handler.py"
OUTSIDE = {
    "asyncio", "concurrent", "http", "multiprocessing", "qcloud_cos", "random", "requests",
    "secrets", "socket", "ssl", "subprocess", "tencentcloud", "threading", "urllib3",
}  # fmt: skip
# Of these modules the core may use what is pure.
PURE = {"time": {"strftime", "gmtime", "strptime"}, "urllib": {"urllib.parse"}}


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports; those of the package as `liveness.x`."""
    package = ".".join(("liveness", *path.relative_to(SOURCE).parent.parts))
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {module} if node.module else {f"{module}.{a.name}" for a in node.names}
    return names


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_does_not_import_the_outside_world(path: Path) -> None:
    names = imported(path)

    assert not {name for name in names if name.split(".")[0] in OUTSIDE}
    assert {name for name in names if name.split(".")[0] == "urllib"} <= PURE["urllib"]
    in_cloud = {name for name in names if name.startswith("liveness.cloud")}
    assert not in_cloud or path.name == COMPOSITION


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_reads_no_clock(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("time", "datetime")
    }
    assert used <= PURE["time"]


def test_no_import_is_circular() -> None:
    def name(path: Path) -> str:
        parts = ("liveness", *path.relative_to(SOURCE).with_suffix("").parts)
        return ".".join(part for part in parts if part != "__init__")

    modules = {name(path) for path in MODULES}
    graph = {name(path): (imported(path) & modules) - {"liveness"} for path in MODULES}

    TopologicalSorter(graph).prepare()  # raises CycleError


def test_only_the_face_sdk_is_imported_late() -> None:
    late = {
        path.name
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    }

    assert late == {"faceid.py"}  # a pair that waits for its partner never pays for that import
