"""The limits of an instance: its output, memory, code folder and imports."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from liveness_sandbox import Function, Status

Deploy = Callable[..., Function]

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is measured in Linux's /proc"
)


def test_a_log_line_is_cut_at_8_kb(deploy: Deploy) -> None:
    function = deploy(
        """
        import sys
        def main_handler(event, context):
            print("x" * 300_000)
            print("人" * 300_000, file=sys.stderr)
            print("next")
        """
    )
    invocation = function.invoke(None)

    assert invocation.logs == ["x" * 8192, "next"]
    # No character is cut in half: 2,730 of three bytes each.
    assert invocation.stderr == "人" * 2730 + "\n"


def test_the_logs_of_a_request_are_cut_at_1_mb(deploy: Deploy) -> None:
    function = deploy(
        """
        def main_handler(event, context):
            for number in range(event):
                print("x" * 1024)
        """
    )

    assert len(function.invoke(1000).logs) == 1000
    assert sum(map(len, function.invoke(5000).logs)) == 1024 * 1024
    assert len(function.invoke(1000).logs) == 1000, "every request has its own limit"


def test_empty_lines_count_towards_the_log_limit(deploy: Deploy) -> None:
    function = deploy("def main_handler(event, context):\n    print('\\n' * (2 << 20))\n")
    assert len(function.invoke(None).logs) == 1024 * 1024


def test_a_function_that_keeps_printing_still_times_out(deploy: Deploy) -> None:
    function = deploy(
        "def main_handler(event, context):\n    while True:\n        print('x' * 1000)\n",
        timeout_seconds=0.3,
    )
    assert function.invoke(None).status is Status.TIME_LIMIT


@needs_proc
@pytest.mark.parametrize("then", ["time.sleep(30)", "return None"])
def test_an_invocation_over_its_memory_limit_fails(deploy: Deploy, then: str) -> None:
    function = deploy(
        f"""
        import time
        def main_handler(event, context):
            kept = b"x" * (event << 20)
            if event:
                {then}
        """,
        memory_mb=64,
    )
    assert function.invoke(0).status is Status.SUCCESS

    invocation = function.invoke(100)
    assert invocation.status is Status.MEMORY_LIMIT
    assert invocation.error is not None
    assert invocation.error["errorType"] == "MemoryLimitReached"
    assert invocation.duration_seconds < 10
    assert function.invoke(0).cold, "the instance was discarded"


@pytest.mark.parametrize(
    "change",
    [
        "open('note', 'w')",
        "open('index.py', 'a')",
        "open('index.py', 'r+')",
        "os.open('note', os.O_CREAT | os.O_WRONLY)",
        "pathlib.Path(__file__).with_name('note').write_text('x')",
        "os.remove(__file__)",
        "os.mkdir('folder')",
        "os.rename(__file__, '/tmp/elsewhere.py')",
        "os.symlink('/', 'link')",
        "os.chmod(__file__, 0o777)",
        "shutil.rmtree(os.path.dirname(__file__))",
        "open(os.fsencode(__file__), 'wb')",
        "open('/tmp/../' + __file__, 'w')",
    ],
)
def test_the_code_folder_is_read_only(deploy: Deploy, change: str) -> None:
    """This applies to root too, for whom permissions have no effect."""
    function = deploy(
        f"""
        import os, pathlib, shutil
        def main_handler(event, context):
            try:
                {change}
            except OSError as error:
                return [error.errno, sorted(os.listdir()), open(__file__).read() != ""]
        """
    )
    assert function.invoke(None).result == [errno.EROFS, ["index.py"], True]


def test_other_folders_are_writable(deploy: Deploy, tmp_path: Path) -> None:
    function = deploy("def main_handler(event, context):\n    open(event, 'w').write('x')\n")
    note = tmp_path / "note"

    assert function.invoke(str(note)).error is None
    assert note.read_text() == "x"


def test_later_edits_do_not_change_the_deployed_code(deploy: Deploy, tmp_path: Path) -> None:
    function = deploy("def main_handler(event, context):\n    return 'deployed'\n")
    (tmp_path / "liveness" / "index.py").write_text("edited since")

    assert function.invoke(None).result == "deployed"


IMPORTS = """
import importlib, sys
def main_handler(names, context):
    found = {}
    for name in names:
        try:
            importlib.import_module(name)
            found[name] = True
        except ImportError:
            found[name] = False
    return [found, sys.path]
"""
# This project, which is installed in editable mode; a dependency; the standard library.
NAMES = ["liveness", "liveness_sandbox", "qcloud_cos", "json"]


def test_only_code_and_dependencies_can_be_imported(deploy: Deploy) -> None:
    found, path = deploy(IMPORTS).invoke(NAMES).result

    assert found == dict(zip(NAMES, [False, False, True, True], strict=True))
    assert not [entry for entry in path if entry.endswith(("/src", "/tools"))]


def test_a_package_can_bundle_its_dependencies(deploy: Deploy, tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "bundled.py").touch()
    alone = deploy(IMPORTS, "alone", dependencies=())

    assert alone.invoke([*NAMES, "bundled"]).result[0] == {
        **dict.fromkeys([*NAMES, "bundled"], False),
        "json": True,
    }

    layered = deploy(IMPORTS, "layered", dependencies=[tmp_path / "layer"])
    assert layered.invoke(["bundled", "qcloud_cos"]).result[0] == {
        "bundled": True,
        "qcloud_cos": False,
    }


def test_the_environment_does_not_affect_imports(
    deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stray.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    function = deploy(IMPORTS, environment={"PYTHONPATH": str(tmp_path)})

    assert function.invoke(["stray"]).result[0] == {"stray": False}


def test_another_interpreter_has_its_own_packages(deploy: Deploy, tmp_path: Path) -> None:
    """A link to this interpreter counts as another one, which is asked for its packages."""
    other = Path(sys.executable).with_name("python3")
    if not other.exists() or str(other) == sys.executable:
        pytest.skip("this interpreter has no other name")

    function = deploy(IMPORTS, python=str(other))

    assert function.invoke(NAMES).result[0]["qcloud_cos"]


def test_too_much_cannot_be_reserved(deploy: Deploy) -> None:
    """Of 64,000 MB in Singapore 12,800 stay unreserved."""
    source = "def main_handler(event, context):\n    return None\n"
    for reserved in (51_201, -1):
        with pytest.raises(ValueError, match="12800 MB must stay unreserved"):
            deploy(source, reserved_mb=reserved)

    deploy(source, reserved_mb=51_200)

    with pytest.raises(ValueError, match="1 MB cannot be reserved"):
        deploy(source, "second", reserved_mb=1)
