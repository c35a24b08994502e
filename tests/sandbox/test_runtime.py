"""Instances of a function: cold and warm starts, their context, and how they end."""

from __future__ import annotations

import os
import signal
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos import CosS3Client

from liveness_sandbox import Function, Sandbox, Status
from liveness_sandbox.runtime.worker import Outcome, Worker

from .clients import BUCKET, wait_until

Deploy = Callable[..., Function]


def test_the_second_invocation_reuses_the_warm_instance(deploy: Deploy) -> None:
    function = deploy(
        """
        import os
        count = 0
        def main_handler(event, context):
            global count
            count += 1
            return [os.getpid(), count, event]
        """
    )
    first, second = function.invoke({"n": 1}), function.invoke({"n": 2})
    assert (first.cold, second.cold) == (True, False)

    pid = first.result[0]
    assert pid != os.getpid()
    assert (first.result, second.result) == ([pid, 1, {"n": 1}], [pid, 2, {"n": 2}])
    assert function.invocations == [first, second]
    assert first.request_id != second.request_id
    assert first.max_rss_kb > 1000 and first.duration_seconds > 0


def test_each_instance_handles_one_event_at_a_time(deploy: Deploy) -> None:
    function = deploy(
        """
        import os, time
        def main_handler(event, context):
            started = time.monotonic()
            time.sleep(0.1)
            return [os.getpid(), started, time.monotonic()]
        """,
        instances=2,
    )
    with ThreadPoolExecutor(6) as threads:
        spans = [invocation.result for invocation in threads.map(function.invoke, range(6))]

    assert len({pid for pid, _, _ in spans}) == 2
    assert sum(invocation.cold for invocation in function.invocations) == 2

    for pid in {pid for pid, _, _ in spans}:
        spans_of_pid = sorted((started, ended) for each, started, ended in spans if each == pid)
        assert all(ended <= started for (_, ended), (started, _) in pairwise(spans_of_pid))


def test_a_warm_instance_is_preferred_to_a_cold_start(deploy: Deploy) -> None:
    function = deploy("def main_handler(event, context):\n    return None\n", instances=10)
    assert [function.invoke(None).cold for _ in range(5)] == [True, False, False, False, False]


def test_printed_lines_become_logs(deploy: Deploy) -> None:
    function = deploy(
        """
        import os, sys
        print("imported")
        def main_handler(event, context):
            print("line", event)
            print("two\\nthree")
            print("to stderr", file=sys.stderr)
            os.write(1, b"raw\\n")
            return "result"
        """
    )
    first, second = function.invoke(1), function.invoke(2)

    assert first.logs == ["imported", "line 1", "two", "three", "raw"]
    assert second.logs == ["line 2", "two", "three", "raw"]
    assert first.stderr == "to stderr\n"
    assert first.result == "result"


def test_log_lines_are_neither_lost_nor_late(deploy: Deploy) -> None:
    function = deploy("def main_handler(event, context):\n    print(event, 'x' * 60_000)\n")
    for number in range(60):
        [line] = function.invoke(number).logs
        assert line.startswith(f"{number} ")


def test_an_exception_is_reported_and_the_instance_kept(deploy: Deploy) -> None:
    function = deploy(
        """
        def main_handler(event, context):
            print("before")
            raise LookupError("no such pair")
        """
    )
    invocation = function.invoke({})

    assert invocation.error is not None
    assert set(invocation.error) == {"errorMessage", "errorType", "stackTrace"}
    assert (invocation.error["errorType"], invocation.error["errorMessage"]) == (
        "LookupError",
        "no such pair",
    )
    assert "index.py" in invocation.error["stackTrace"][-1][0]
    assert invocation.logs == ["before"] and "Traceback" in invocation.stderr
    assert (invocation.result, invocation.status) == (None, Status.CODE_EXCEPTION)
    assert not function.invoke({}).cold, "the instance survives"


@pytest.mark.parametrize(
    ("source", "status", "kind"),
    [
        ("import os\ndef main_handler(event, context):\n    os._exit(3)\n", 439, "ProcessExit"),
        ("import sys\ndef main_handler(event, context):\n    sys.exit()\n", 439, "ProcessExit"),
        ("def main_handler(event, context):\n    exit()\n", 439, "ProcessExit"),
        ("def main_handler(event, context):\n    return object()\n", 430, "TypeError"),
        ("import no_such_module\n", 443, "ModuleNotFoundError"),
        ("def other():\n    pass\n", 443, "AttributeError"),
        (
            "def main_handler(event, context):\n    return 'x' * (6 << 20)\n",
            407,
            "ResponseTooLarge",
        ),
    ],
)
def test_other_failures_have_their_own_status(
    deploy: Deploy, source: str, status: int, kind: str
) -> None:
    function = deploy(source)
    for _ in range(2):
        invocation = function.invoke({})
        assert invocation.status == status
        assert invocation.error is not None and invocation.error["errorType"] == kind
        assert invocation.result is None


def test_a_crashed_instance_is_discarded(deploy: Deploy) -> None:
    function = deploy(
        """
        import os
        def main_handler(event, context):
            return os._exit(1) if event else "fine"
        """
    )

    assert [function.invoke(event).result for event in (0, 1, 0)] == ["fine", None, "fine"]
    assert [invocation.cold for invocation in function.invocations] == [True, False, True]


def test_an_invocation_over_its_time_limit_is_killed(deploy: Deploy) -> None:
    function = deploy(
        """
        import os, time
        def main_handler(event, context):
            print(os.getpid())
            time.sleep(event)
        """,
        timeout_seconds=0.4,
    )
    invocation = function.invoke(30)

    assert (
        invocation.error is not None
        and "timed out after 0.4 seconds" in invocation.error["errorMessage"]
    )
    assert invocation.status is Status.TIME_LIMIT
    assert 0.4 <= invocation.duration_seconds < 5

    with pytest.raises(ProcessLookupError):
        os.kill(int(invocation.logs[0]), 0)
    assert function.invoke(0).error is None


def test_context_and_environment_are_as_documented(sandbox: Sandbox, deploy: Deploy) -> None:
    function = deploy(
        """
        import os, sys
        def main_handler(event, context):
            folders = {"cwd": os.getcwd(), "path": sys.path[0]}
            return {"context": context, "environ": dict(os.environ), **folders}
        """,
        environment={"LIVENESS_BUCKET": BUCKET},
        timeout_seconds=7,
        memory_mb=256,
    )
    invocation = function.invoke({})

    context, environ = invocation.result["context"], invocation.result["environ"]

    assert context == {
        "request_id": invocation.request_id,
        "function_name": "liveness",
        "function_version": "$LATEST",
        "namespace": "default",
        "memory_limit_in_mb": 256,
        "time_limit_in_ms": 7000,
        "tencentcloud_region": "ap-singapore",
        "tencentcloud_appid": "1250000000",
        "tencentcloud_uin": context["tencentcloud_uin"],
        "environment": f'{{"SCF_NAMESPACE": "default", "LIVENESS_BUCKET": "{BUCKET}"}}',
        "environ": f"SCF_NAMESPACE=default;LIVENESS_BUCKET={BUCKET}",
    }
    assert environ["TENCENTCLOUD_RUNENV"] == "SCF"
    assert environ["http_proxy"] == sandbox.url
    assert environ["LIVENESS_BUCKET"] == BUCKET
    assert environ["TENCENTCLOUD_SESSIONTOKEN"]
    assert environ["TENCENTCLOUD_SECRETID"] != sandbox.credentials.secret_id
    assert "PYTEST_CURRENT_TEST" not in environ
    assert invocation.result["cwd"] == invocation.result["path"]


def test_the_keys_of_the_role_give_access_to_the_bucket(deploy: Deploy, cos: CosS3Client) -> None:
    cos.put_object(BUCKET, b"body", "a")
    function = deploy(
        """
        import os
        from qcloud_cos import CosConfig, CosS3Client
        def main_handler(event, context):
            config = CosConfig(
                Region=os.environ["TENCENTCLOUD_REGION"],
                SecretId=os.environ["TENCENTCLOUD_SECRETID"],
                SecretKey=os.environ["TENCENTCLOUD_SECRETKEY"],
                Token=os.environ["TENCENTCLOUD_SESSIONTOKEN"],
                Scheme="http")
            body = CosS3Client(config).get_object(event, "a")["Body"]
            return body.get_raw_stream().read().decode()
        """
    )

    invocation = function.invoke(BUCKET)

    assert invocation.error is None and invocation.result == "body"


def test_wait_idle_reports_what_is_pending(sandbox: Sandbox, deploy: Deploy) -> None:
    function = deploy(
        "import time\ndef main_handler(event, context):\n    time.sleep(30)\n", instances=1
    )
    function.queue(1)
    function.queue(2)

    with pytest.raises(TimeoutError, match="liveness: 1 queued, 1 running"):
        sandbox.wait_idle(timeout_seconds=0.1)


def test_leaving_the_sandbox_stops_every_worker(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text(
        textwrap.dedent(
            """
            import os, pathlib, time
            def main_handler(event, context):
                pathlib.Path(event).write_text(str(os.getpid()))
                time.sleep(60)
            """
        )
    )
    note = tmp_path / "pid"

    with pytest.raises(RuntimeError, match="the test fails"), Sandbox() as sandbox:
        sandbox.deploy("liveness", tmp_path).queue(str(note))
        wait_until(lambda: note.exists() and note.read_text())
        raise RuntimeError("the test fails")

    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


_KEYS_AND_PID = """
    import os
    def main_handler(event, context):
        return [os.environ["TENCENTCLOUD_SECRETID"], os.getpid()]
"""


def test_an_instance_killed_after_its_response_is_not_reused(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, run = deploy(_KEYS_AND_PID), Worker.run

    def killed_afterwards(worker: Worker, *arguments: Any) -> Outcome:
        outcome = run(worker, *arguments)
        assert function.kill(worker.secret_id)
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "run", killed_afterwards)
        first = function.invoke({})

    second = function.invoke({})

    assert (first.error, second.error) == (None, None)
    assert second.cold and second.result != first.result
    assert not function.kill(second.result[0])


def test_an_instance_that_died_while_idle_is_not_reused(deploy: Deploy) -> None:
    function = deploy(_KEYS_AND_PID)
    pid = function.invoke({}).result[1]
    os.kill(pid, signal.SIGKILL)

    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert function.invoke({}).cold


def test_a_missing_interpreter_is_reported(deploy: Deploy, sandbox: Sandbox) -> None:
    function = deploy("", python="/no/such/python")
    with pytest.raises(FileNotFoundError):
        function.invoke({})

    sandbox.wait_idle()


def test_an_instance_is_retired_before_its_keys_expire(sandbox: Sandbox, deploy: Deploy) -> None:
    function = deploy(
        """
        import os
        def main_handler(event, context):
            return os.environ["TENCENTCLOUD_SECRETID"]
        """
    )
    first, second = function.invoke(None), function.invoke(None)
    sandbox.clock.advance(6 * 3600)

    third = function.invoke(None)

    assert [each.cold for each in (first, second, third)] == [True, False, True]
    assert first.result == second.result != third.result
