"""`make package`: what the package contains, and that the build is reproducible."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from modulefinder import ModuleFinder
from pathlib import Path, PurePosixPath

import click
import pytest

from liveness_cli.deploy import package as deployed
from liveness_package.pins import Pin, PinError, fetch, read_pins
from liveness_package.selection import reachable_modules, select
from tests.conftest import ROOT

from .conftest import make_package

REQUIREMENTS = ROOT / "requirements.txt"
PINS = read_pins(REQUIREMENTS.read_text())


def names(package: Path) -> set[str]:
    with zipfile.ZipFile(package / "function.zip") as archive:
        return set(archive.namelist())


def modules(package: Path) -> set[str]:
    return {name for name in names(package) if name.endswith(".py")}


def bytecode_of(module: str) -> str:
    path = PurePosixPath(module)
    return str(path.parent / "__pycache__" / f"{path.stem}.cpython-310.pyc")


def test_folder_and_zip_have_the_same_content(package: Path) -> None:
    folder = package / "function"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    assert files == names(package)
    with zipfile.ZipFile(package / "function.zip") as archive:
        for name in files:
            assert archive.read(name) == (folder / name).read_bytes()


def test_the_package_contains_all_of_the_function(package: Path) -> None:
    function = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}

    assert function <= names(package)


TOP_LEVEL_NAMES = {
    *("index", "liveness", "qcloud_cos", "tencentcloud", "requests", "urllib3", "certifi"),
    *("charset_normalizer", "idna", "crcmod", "xmltodict", "six"),
}


def test_only_importable_modules_of_the_dependencies_ship(package: Path) -> None:
    tops = {PurePosixPath(name).parts[0].removesuffix(".py") for name in modules(package)}

    assert reachable_modules(package / "function") == modules(package)
    assert tops == TOP_LEVEL_NAMES


def test_no_module_that_can_be_imported_is_missing(package: Path) -> None:
    finder = ModuleFinder(path=[str(package / "function")])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the dependencies' code
        finder.run_script(str(package / "function/index.py"))

    missing = {name for name in finder.any_missing() if name.partition(".")[0] in TOP_LEVEL_NAMES}
    # crcmod's optional C extension, and modules that six creates at run time.
    assert missing == {"crcmod._crcfunext", "six.moves.queue", "six.moves.urllib.parse"}


def test_no_machine_code_and_no_type_stubs_ship(package: Path) -> None:
    kinds = {PurePosixPath(name).suffix for name in names(package) if ".dist-info/" not in name}

    assert kinds == {".py", ".pyc", ".pem", ".js", ""}


def test_the_package_is_small(package: Path) -> None:
    assert (package / "function.zip").stat().st_size <= 2.5e6


def test_every_distribution_ships_with_its_license(package: Path) -> None:
    infos = {name.partition("/")[0] for name in names(package) if ".dist-info/" in name}

    assert {info.removesuffix(".dist-info").replace("_", "-") for info in infos} == {
        f"{pin.name}-{pin.version}" for pin in PINS
    }
    for info in infos:
        files = {name for name in names(package) if name.startswith(info)}
        metadata = (package / "function" / info / "METADATA").read_text()
        has_license_text = any("LICEN" in name.upper() for name in files)
        # The vendor's wheel contains no license text; its license is the same as the function's.
        assert has_license_text or "License: Apache License 2.0" in metadata
    assert (package / "function/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_every_module_has_bytecode_that_ignores_file_times(package: Path, python310: str) -> None:
    print_magic = "import importlib.util, sys; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"
    magic = subprocess.run(
        [python310, "-c", print_magic], stdout=subprocess.PIPE, check=True
    ).stdout
    bytecode = {name for name in names(package) if name.endswith(".pyc")}

    assert bytecode == {bytecode_of(module) for module in modules(package)}
    for name in bytecode:
        head = (package / "function" / name).read_bytes()[:8]
        assert head == magic + (1).to_bytes(4, "little")  # PEP 552: by hash, unchecked


def test_the_build_is_reproducible_in_another_checkout(
    package: Path, python310: str, tmp_path: Path
) -> None:
    """Another path, umask, time zone, hash seed and other file times make the same bytes."""
    checkout = tmp_path / "elsewhere" / "checkout"
    for name in ("src", "tools/liveness_package", "build/pinned"):
        shutil.copytree(ROOT / name, checkout / name)
    for name in ("LICENSE", "requirements.txt"):
        shutil.copy(ROOT / name, checkout / name)
    for path in checkout.rglob("*"):
        os.utime(path, (1e9, 1e9))
    environment = os.environ | {
        "PYTHONPATH": f"{checkout / 'tools'}:{checkout / 'src'}",
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Shanghai",
    }
    command = [sys.executable, "-m", "liveness_package", "--compile-with", python310]

    subprocess.run(command, env=environment, umask=0o077, check=True, cwd=tmp_path)

    assert (checkout / "build/function.zip").read_bytes() == (package / "function.zip").read_bytes()
    paths = [checkout / "build/function", *(checkout / "build/function").rglob("*")]
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in paths}
    assert modes == {(False, 0o644), (True, 0o755)}  # the platform reads it as a different user


def test_the_platform_can_read_the_files_in_the_zip(package: Path) -> None:
    with zipfile.ZipFile(package / "function.zip") as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_the_zip_does_not_depend_on_clock_or_file_system(package: Path) -> None:
    with zipfile.ZipFile(package / "function.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def test_the_lack_of_python_310_is_reported(package: Path, tmp_path: Path) -> None:
    leftover = tmp_path / "function" / "leftover.pyc"  # of an earlier package
    leftover.parent.mkdir()
    leftover.touch()

    printed = make_package(tmp_path)

    assert "No Python 3.10 found: the package has no bytecode" in printed
    assert names(tmp_path) == {name for name in names(package) if not name.endswith(".pyc")}
    assert not leftover.exists()
    assert {path.name for path in tmp_path.iterdir()} == {
        "function",
        "function.cdx.json",
        "function.zip",
    }


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    output = tmp_path / "build"
    output.write_text("not a folder")
    (tmp_path / "requirements.txt").touch()

    command = [sys.executable, "-m", "liveness_package", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr == f"No package was made in {output}: File exists\n"
    with pytest.raises(click.ClickException, match=r"no package was made in .*/build: "):
        deployed.make_package(tmp_path)


def test_only_python_files_of_src_ship(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    code = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    (source / "liveness/__pycache__").mkdir()
    for name in (".env", "liveness/.cos.py.swp", "liveness/__pycache__/cos.cpython-310.pyc"):
        (source / name).write_text("secret")

    assert select(source, ROOT / "LICENSE", {}).keys() == code | {"LICENSE"}


def test_a_pin_that_nothing_imports_is_rejected(tmp_path: Path) -> None:
    wheel = tmp_path / "unused-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("unused.py", "")

    with pytest.raises(PinError, match="pins unused, but nothing imports it"):
        select(ROOT / "src", ROOT / "LICENSE", {Pin("unused", "1.0", ""): wheel})


def test_a_modified_file_is_downloaded_again(tmp_path: Path) -> None:
    (six,) = (pin for pin in PINS if pin.name == "six")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"six=={six.version} --hash=sha256:{six.sha256}\n")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / f"six-{six.version}-py2.py3-none-any.whl").write_bytes(b"something else")

    path = fetch([six], requirements, cache)[six]

    assert hashlib.sha256(path.read_bytes()).hexdigest() == six.sha256


def test_a_file_with_a_different_hash_is_rejected(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (six,) = (pin for pin in PINS if pin.name == "six")
    other = six._replace(sha256="0" * 64)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"six=={other.version} --hash=sha256:{other.sha256}\n")
    with pytest.raises(PinError, match="pip could not download"):
        fetch([other], requirements, tmp_path / "cache")
    assert "hash" in capfd.readouterr().err.lower()


@pytest.mark.parametrize("line", ["six", "six==1.17.0", "six>=1 --hash=sha256:" + 64 * "0"])
def test_a_pin_without_exact_version_and_hash_is_rejected(line: str) -> None:
    with pytest.raises(PinError, match="give NAME==VERSION --hash"):
        read_pins(line)
