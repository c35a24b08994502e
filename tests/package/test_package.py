"""`make package`: what is in it, and that it is the same wherever and whenever it is made."""

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

import pytest

from liveness_package.pins import Pin, PinError, fetch, read_pins
from liveness_package.selection import reachable, select
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


def test_folder_and_zip_are_the_same(package: Path) -> None:
    folder = package / "function"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == names(package)
    with zipfile.ZipFile(package / "function.zip") as archive:
        for name in files:
            assert archive.read(name) == (folder / name).read_bytes()


def test_all_of_the_function_is_in_it(package: Path) -> None:
    own = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert own <= names(package)


def test_of_the_dependencies_there_is_what_an_import_leads_to_and_no_more(package: Path) -> None:
    assert reachable(package / "function") == modules(package)
    tops = {PurePosixPath(name).parts[0].removesuffix(".py") for name in modules(package)}
    assert tops == {
        *("index", "liveness", "qcloud_cos", "tencentcloud", "requests", "urllib3", "certifi"),
        *("charset_normalizer", "idna", "crcmod", "xmltodict", "six"),
    }
    finder = ModuleFinder(path=[str(package / "function")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about others' code
        finder.run_script(str(package / "function/index.py"))
    # The C extension that crcmod can do without, and what six makes up at run time.
    assert {name for name in finder.any_missing() if name.partition(".")[0] in tops} == {
        *("crcmod._crcfunext", "six.moves.queue", "six.moves.urllib.parse"),
    }


def test_there_is_no_machine_code_and_nothing_for_type_checkers(package: Path) -> None:
    kinds = {PurePosixPath(name).suffix for name in names(package) if ".dist-info/" not in name}
    assert kinds == {".py", ".pyc", ".pem", ".js", ""}


def test_it_is_small(package: Path) -> None:
    assert (package / "function.zip").stat().st_size <= 2.5e6


def test_the_terms_of_all_that_ships_are_inside(package: Path) -> None:
    infos = {name.partition("/")[0] for name in names(package) if ".dist-info/" in name}
    assert {info.removesuffix(".dist-info").replace("_", "-") for info in infos} == {
        f"{pin.name}-{pin.version}" for pin in PINS
    }
    for info in infos:
        inside = {name for name in names(package) if name.startswith(info)}
        metadata = (package / "function" / info / "METADATA").read_text()
        own_text = any("LICEN" in name.upper() for name in inside)
        # The vendor's wheel has no text of its own: the function's licence is the same.
        assert own_text or "License: Apache License 2.0" in metadata
    assert (package / "function/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_every_module_has_bytecode_that_does_not_look_at_times(
    package: Path, python310: str
) -> None:
    ask = "import importlib.util, sys; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"
    magic = subprocess.run([python310, "-c", ask], stdout=subprocess.PIPE, check=True).stdout
    bytecode = {name for name in names(package) if name.endswith(".pyc")}
    assert bytecode == {bytecode_of(module) for module in modules(package)}
    for name in bytecode:
        head = (package / "function" / name).read_bytes()[:8]
        assert head == magic + (1).to_bytes(4, "little")  # PEP 552: by hash, and not checked


def test_another_checkout_another_umask_and_other_times_make_the_same_bytes(
    package: Path, python310: str, tmp_path: Path
) -> None:
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
    made = [checkout / "build/function", *(checkout / "build/function").rglob("*")]
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in made}
    assert modes == {(False, 0o644), (True, 0o755)}  # the platform reads it as another user


def test_the_platform_may_read_what_the_zip_holds(package: Path) -> None:
    with zipfile.ZipFile(package / "function.zip") as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_the_zip_depends_neither_on_the_clock_nor_on_the_file_system(package: Path) -> None:
    with zipfile.ZipFile(package / "function.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def test_without_python_310_there_is_no_bytecode_and_it_says_so(
    package: Path, tmp_path: Path
) -> None:
    leftover = tmp_path / "function" / "leftover.pyc"  # of a package that was made before
    leftover.parent.mkdir()
    leftover.touch()
    assert "No Python 3.10 found: the package has no bytecode" in make_package(tmp_path)
    assert names(tmp_path) == {name for name in names(package) if not name.endswith(".pyc")}
    assert not leftover.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"function", "function.zip"}


def test_only_code_is_taken_from_src(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    code = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    (source / "liveness/__pycache__").mkdir()
    for name in (".env", "liveness/.cos.py.swp", "liveness/__pycache__/cos.cpython-310.pyc"):
        (source / name).write_text("secret")
    assert select(source, ROOT / "LICENSE", {}).keys() == code | {"LICENSE"}


def test_a_pin_that_nothing_imports_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "unused-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("unused.py", "")
    with pytest.raises(PinError, match="pins unused, but nothing imports it"):
        select(ROOT / "src", ROOT / "LICENSE", {Pin("unused", "1.0", ""): wheel})


def test_a_file_that_was_tampered_with_is_fetched_again(tmp_path: Path) -> None:
    (six,) = (pin for pin in PINS if pin.name == "six")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"six=={six.version} --hash=sha256:{six.sha256}\n")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / f"six-{six.version}-py2.py3-none-any.whl").write_bytes(b"something else")
    path = fetch([six], requirements, cache)[six]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == six.sha256


def test_a_file_with_another_hash_is_not_taken(
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
def test_a_pin_without_exact_version_and_hash_is_refused(line: str) -> None:
    with pytest.raises(PinError, match="give NAME==VERSION --hash"):
        read_pins(line)
