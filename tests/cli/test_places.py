"""Every command says first what it works on; errors name whose key, clock or network is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from liveness.cloud import connections
from liveness.errors import ConfigurationError, StoreUnavailableError
from liveness_cli.account.errors import RequestRefused
from liveness_cli.errors import reason_of_error
from liveness_cli.main import main
from tests.conftest import Cloud

from .conftest import Command, assert_one_sentence

COMMANDS = [
    ("status",),
    ("explain", "anna"),
    ("reconcile", "--dry-run"),
    ("forget", "anna", "--dry-run"),
    ("doctor",),
    ("configure", "--dry-run"),
    ("threshold",),
    ("export", "out"),
    ("cost",),
    ("token", "anna"),
    ("upload", "anna", "--live", "live.bin"),
]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_the_first_line_names_bucket_and_sandbox(
    cloud: Cloud, liveness: Command, arguments: tuple[str, ...]
) -> None:
    with open("live.bin", "wb") as package:
        package.write(b"package")

    called = liveness(*arguments)

    place = f"Bucket faces-1250000000 in the sandbox on {cloud.sandbox.url.removeprefix('http://')}"
    assert called.stderr.splitlines()[0] == place


@pytest.mark.usefixtures("environment")
def test_the_sandbox_is_named_whatever_the_spelling_of_the_proxy(
    cloud: Cloud, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = cloud.sandbox.url.removeprefix("http://")
    for spelling in (address, f"http://{address}/"):
        monkeypatch.setenv("http_proxy", spelling)
        assert liveness("status").stderr.endswith(f"in the sandbox on {address}\n")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_half_of_the_variables_is_an_error(
    liveness: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    with open("live.bin", "wb") as package:
        package.write(b"package")
    monkeypatch.delenv("TENCENTCLOUD_SECRETKEY")
    monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY", raising=False)
    monkeypatch.delenv("LIVENESS_BUCKET")

    called = liveness(*arguments)

    assert called.exit_code == 2
    assert "TENCENTCLOUD_SECRETKEY" in called.stderr
    assert "LIVENESS_BUCKET is missing" in called.stderr


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRET_ID"),
        ("TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SECRET_KEY"),
        ("TENCENTCLOUD_SESSIONTOKEN", "TENCENTCLOUD_TOKEN"),
    ],
)
def test_two_spellings_of_a_key_must_not_differ(
    cloud: Cloud,
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    name: str,
    other: str,
) -> None:
    with open("live.bin", "wb") as package:
        package.write(b"package")
    monkeypatch.setenv(name, "one value")
    monkeypatch.setenv(other, "another value")

    called = liveness(*arguments)

    assert called.exit_code == 2
    assert f"{name} and {other} are two spellings of one variable" in called.stderr
    assert "unset the one that is not meant" in called.stderr
    assert "one value" not in called.output
    assert "another value" not in called.output
    assert cloud.sandbox.requests == []


@pytest.mark.usefixtures("environment")
def test_an_env_file_that_only_a_deployment_reads_is_pointed_out(
    liveness: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("liveness_cli.environment.ROOT", tmp_path)
    monkeypatch.delenv("LIVENESS_BUCKET")
    without = liveness("status").stderr
    (tmp_path / ".env").write_text("LIVENESS_BUCKET=faces-1250000000\n")

    assert "set -a" not in without
    assert f"set -a; . {tmp_path}/.env; set +a" in liveness("status").stderr


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("AuthFailure.SecretIdNotFound", "your key is not known"),
        ("AuthFailure.SignatureFailure", "your secret key does not belong to the secret id"),
        ("AuthFailure.SignatureExpire", "this machine's clock"),
        ("AuthFailure.TokenFailure", "your temporary keys have expired"),
        ("UnauthorizedOperation.CAM", "check the policy of your key"),
        ("ResourceNotFound.Function", "no such function is deployed in this region"),
        ("UnsupportedRegion", "this service is not in that region: give another one as"),
    ],
)
def test_a_refusal_says_whose_key_or_clock_or_deployment_is_meant(code: str, meaning: str) -> None:
    assert str(RequestRefused("GetFunction", code)).startswith(f"GetFunction: {code}: {meaning}")


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("403", "check that your key is right, and check the policy of your key"),
        ("403 AccessDenied", "check the policy of your key"),
        ("403 InvalidAccessKeyId", "your key is not known"),
        ("403 SignatureDoesNotMatch", "your secret key does not belong to the secret id"),
        ("403 RequestTimeTooSkewed", "this machine's clock"),
    ],
)
def test_a_refusal_of_cos_is_not_blamed_on_the_function(code: str, meaning: str) -> None:
    lead = f"COS HEAD 'a' in 'b': {code}"
    error = ConfigurationError(f"{lead}: check the execution role's policy")

    assert reason_of_error(error).startswith(f"{lead}: {meaning}")


@pytest.mark.parametrize(
    "kind",
    [
        "ConnectionRefusedError",
        "ConnectionResetError",
        "RemoteDisconnected",
        "TimeoutError",
        "OSError",
        "gaierror",
        "SSLCertVerificationError",
        "SSLEOFError",
        "ValueError",
        "FileNotFoundError",
        "InvalidSchema",
    ],
)
def test_without_a_network_the_network_is_named(kind: str) -> None:
    error = StoreUnavailableError(f"COS HEAD 'a': {kind}")

    assert "check this machine's network" in reason_of_error(error)


def test_a_reply_is_not_blamed_on_the_network() -> None:
    assert reason_of_error(StoreUnavailableError("COS HEAD 'a': 503")) == "COS HEAD 'a': 503"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", ["status", "explain", "forget", "retry", "doctor", "upload"])
def test_every_command_without_a_connection_names_the_network(
    cloud: Cloud, liveness: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    arguments = [] if command in ("status", "doctor") else ["anna"]
    if command == "upload":
        arguments += ["--live", __file__]

    called = liveness(command, *arguments)

    assert called.exit_code == (3 if command == "doctor" else 1)
    assert "check this machine's network" in called.output.replace("\n", " ").replace("  ", "")


READING_RESULTS = [
    ("status",),
    ("explain", "anna"),
    ("forget", "anna", "--dry-run"),
    ("doctor",),
    ("threshold",),
    ("export", "out"),
    ("cost",),
    ("upload", "anna", "--live", "live.bin", "--wait"),
]
READING_INPUTS = [
    *READING_RESULTS,
    ("configure", "--dry-run"),
    ("reconcile", "--dry-run"),
    ("upload", "anna", "--live", "live.bin"),
]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("variable", "arguments"),
    [
        *(("LIVENESS_BUCKET", arguments) for arguments in READING_INPUTS),
        *(("LIVENESS_RESULT_BUCKET", arguments) for arguments in READING_RESULTS),
    ],
    ids=str,
)
def test_a_missing_bucket_is_named_with_its_region_and_its_variable(
    cloud: Cloud,
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    arguments: tuple[str, ...],
) -> None:
    with open("live.bin", "wb") as package:
        package.write(b"package")
    cloud.deploy()
    monkeypatch.setenv(variable, "absent-1250000000")

    called = liveness(*arguments)

    said = " ".join(called.output.split())
    assert called.exit_code == 1
    place = f"there is no bucket absent-1250000000 ({variable}) in ap-singapore"
    assert f"{place} (TENCENTCLOUD_REGION)" in said
    assert "correct the variable that is wrong" in said


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("https_proxy", "socks5://127.0.0.1:9"),
        ("https_proxy", "http://127.0.0.1:port"),
        ("REQUESTS_CA_BUNDLE", "/no/such/file"),
        ("CURL_CA_BUNDLE", "/no/such/file"),
    ],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_named(
    liveness: Command, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.delenv("LIVENESS_ENDPOINT_SCHEME")
    monkeypatch.setenv("LIVENESS_BUCKET", "faces-1250000000")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv(name, text)
    connections._new_tls_context.cache_clear()  # it was read already

    called = liveness("status")

    assert called.exit_code == 1
    assert_one_sentence(called, "proxy variables", name)


@pytest.mark.parametrize("command", ["explain", "forget", "retry", "upload", "token"])
def test_a_pair_id_that_begins_with_a_dash_is_told_how_to_be_given(
    liveness: Command, command: str
) -> None:
    called = liveness(command, "-x17")

    assert called.exit_code == 2
    assert_one_sentence(called, "No such option", f"{command} -- …")


@pytest.mark.usefixtures("environment")
def test_a_pair_id_that_begins_with_a_dash_works_behind_two(liveness: Command) -> None:
    called = liveness("explain", "--", "-x17")

    assert called.exit_code == 0
    assert "Pair -x17" in called.stdout


@pytest.mark.parametrize("threshold", ["0.7", "1", "101", "-1", "nan", "inf"])
def test_a_threshold_on_the_wrong_scale_is_refused(liveness: Command, threshold: str) -> None:
    called = liveness("threshold", f"--at={threshold}")

    assert called.exit_code == 2
    assert_one_sentence(called, "not a number" if threshold == "nan" else "100")


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("upload", "anna", "--timeout"),
        ("accept", "--live", __file__, "--reference", __file__, "--timeout"),
        ("sandbox", "--speed"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_number_must_be_finite(
    liveness: Command, arguments: tuple[str, ...], number: str
) -> None:
    called = liveness(*arguments, number)

    assert called.exit_code == 2
    assert_one_sentence(called, "not a number")


def test_the_list_of_commands_has_whole_sentences() -> None:
    """`accept` says there what it costs, and `token` that it prints a secret."""
    # In a terminal of 80 columns click leaves two of them free.
    printed = CliRunner().invoke(main, ["--help"], terminal_width=78).output
    listed = printed.partition("Commands:")[2]

    assert "..." not in listed
    assert "COSTS ONE CALL" in listed
    assert "A SECRET" in listed
