"""Reading the settings: defaults, and every problem reported by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness.errors import SettingsError
from liveness.settings import REGIONS, SETTING_NAMES, read_settings

GOOD = {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}


def problems(**settings: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        read_settings(GOOD | {f"LIVENESS_{name}": value for name, value in settings.items()})
    return raised.value.problems


def test_the_bucket_is_the_only_required_setting() -> None:
    settings = read_settings(GOOD)

    assert settings.result_bucket == settings.ledger_bucket == settings.bucket
    assert settings.sim_threshold == 70
    assert settings.max_live_bytes == 256 * 1024 * 1024
    assert settings.warnings == ()


def test_there_are_at_most_eighteen_settings() -> None:
    assert len(SETTING_NAMES) <= 18


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(
            {
                "TENCENTCLOUD_REGION": "ap-guangzhou",
                "LIVENESS_SIM_THRESHOLD": "high",
                "LIVENESS_TRANSFER": "ftp",
                "LIVENESS_MAX_ATTEMPTS": "2.5",
                "LIVENESS_RESULT_PREFIX": "liveness/incoming/results/",
                "LIVENESS_TRESHOLD": "80",
            }
        )

    text = str(raised.value)

    for name in (
        "LIVENESS_BUCKET",
        "LIVENESS_SIM_THRESHOLD",
        "LIVENESS_TRANSFER",
        "LIVENESS_MAX_ATTEMPTS",
        "LIVENESS_TRESHOLD",
        "overlap",
        *REGIONS,
    ):
        assert name in text


@pytest.mark.parametrize("region", ["ap-guangzhou", "", "AP-SINGAPORE"])
def test_the_error_for_another_region_lists_the_supported_ones(region: str) -> None:
    with pytest.raises(SettingsError, match="ap-bangkok, ap-hongkong, ap-singapore"):
        read_settings(GOOD | {"TENCENTCLOUD_REGION": region})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUCKET", "faces"),
        ("BUCKET", "Faces-1250000000"),
        ("BUCKET", "faces-abc"),
        ("INPUT_PREFIX", "/incoming/"),
        ("INPUT_PREFIX", "incoming"),
        ("INPUT_PREFIX", "a//b/"),
        ("INPUT_PREFIX", "x" * 500 + "/"),
        ("LIVE_SUFFIXES", ".live,"),
        ("LIVE_SUFFIXES", ".live,.live"),
        ("LIVE_SUFFIXES", "/reference.jpg"),
        ("SIM_THRESHOLD", "nan"),
        ("SIM_THRESHOLD", "101"),
        ("SIM_THRESHOLD", "0.7"),
        ("SIM_THRESHOLD", "1"),
        ("MAX_ATTEMPTS", "0"),
        ("RATE_LIMIT", "inf"),
        ("ENDPOINT_SCHEME", "ftp"),
        ("MAX_LIVE_MB", "0"),
        ("LEDGER_BUCKET", "faces-1259999999"),
    ],
)
def test_an_invalid_value_is_reported_by_name(name: str, value: str) -> None:
    assert any(f"LIVENESS_{name}" in problem for problem in problems(**{name: value}))


@pytest.mark.parametrize(
    "proxy",
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "127.0.0.1:1", "http://localhost:3128",
     "http://[::1]:8080", "HTTP://127.1.2.3"],
)  # fmt: skip
def test_http_is_accepted_behind_a_proxy_on_this_machine(proxy: str) -> None:
    settings = read_settings(GOOD | {"LIVENESS_ENDPOINT_SCHEME": "http", "http_proxy": proxy})

    assert settings.endpoint_scheme == "http"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"http_proxy": ""},
        {"http_proxy": "http://10.0.0.1:8080"},
        {"http_proxy": "http://proxy.example:8080"},
        {"http_proxy": "http://127.0.0.1.example:8080"},
        {"http_proxy": "http://localhost.example"},
        {"http_proxy": "http://127.0.0.1@proxy.example"},
        {"http_proxy": "http://proxy.example/127.0.0.1"},
        {"https_proxy": "http://127.0.0.1:8080"},
        {"http_proxy": "http://127.0.0.1:8080", "no_proxy": "*"},
        {"http_proxy": "http://127.0.0.1:8080", "no_proxy": "a.example,.myqcloud.com"},
        {"http_proxy": "http://127.0.0.1:8080", "no_proxy": "com"},
        {"http_proxy": "http://127.0.0.1:8080", "NO_PROXY": "faceid.intl.tencentcloudapi.com"},
    ],
    ids=str,
)
def test_http_is_refused_everywhere_else(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(GOOD | environ | {"LIVENESS_ENDPOINT_SCHEME": "http"})

    (problem,) = raised.value.problems
    assert problem.startswith("LIVENESS_ENDPOINT_SCHEME is 'http'")
    assert "loopback" in problem


def test_a_proxy_does_not_matter_with_https() -> None:
    assert read_settings(GOOD | {"http_proxy": "http://10.0.0.1"}).endpoint_scheme == "https"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INPUT_PREFIX", "RESULT_PREFIX"),
        ("INPUT_PREFIX", "LEDGER_PREFIX"),
        ("INPUT_PREFIX", "FRAME_PREFIX"),
        ("RESULT_PREFIX", "FRAME_PREFIX"),
        ("FRAME_PREFIX", "LEDGER_PREFIX"),
        ("RESULT_PREFIX", "LEDGER_PREFIX"),
    ],
)
def test_prefixes_may_not_overlap_in_one_bucket(one: str, other: str) -> None:
    assert "overlap" in problems(**{one: "a/", other: "a/b/"})[0]
    assert "overlap" in problems(**{one: "a/b/", other: "a/"})[0]
    assert "overlap" in problems(**{one: "a/", other: "a/"})[0]


def test_suffixes_of_both_inputs_must_differ_in_more_than_their_case() -> None:
    assert "both contain '.JPG'" in problems(LIVE_SUFFIXES=".JPG", IMAGE_SUFFIXES=".jpg")[0]


def test_the_same_prefix_is_allowed_in_another_bucket() -> None:
    read_settings(
        GOOD
        | {
            "LIVENESS_INPUT_PREFIX": "a/",
            "LIVENESS_RESULT_PREFIX": "a/",
            "LIVENESS_RESULT_BUCKET": "results-1250000000",
        }
    )


def test_a_low_threshold_works_with_a_warning() -> None:
    settings = read_settings(GOOD | {"LIVENESS_SIM_THRESHOLD": "60"})
    assert "LIVENESS_SIM_THRESHOLD" in settings.warnings[0]


@given(
    st.dictionaries(
        st.sampled_from([f"LIVENESS_{name}" for name in SETTING_NAMES] + ["TENCENTCLOUD_REGION"]),
        st.text() | st.sampled_from(["0", "1e999", "-1", "/", "a/", ",", "https", "x-1"]),
    )
)
def test_any_environment_gives_settings_or_problems(environ: dict[str, str]) -> None:
    try:
        read_settings(environ)
    except SettingsError as error:
        assert error.problems
