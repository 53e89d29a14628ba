"""Relabelling, shown with libraries made here: the system's loader refuses, then loads and runs them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from relabel_manylinux import RelabelError, main, relabel

INSTALLED = (
    "ml_metadata/metadata_store/pywrap/metadata_store_extension.so",
    "tensorflow_data_validation/pywrap/tensorflow_data_validation_extension.so",
)
NEWER_LIBRARY = """
long strtol(const char *text, char **end, int base) { return text[0] - '0'; }
long __isoc23_strtol(const char *text, char **end, int base) { return text[0] - '0'; }
void _ZSt21ios_base_library_initv(void) {}
void newer_than_known(void) {}
"""
OLDER_LIBRARY = "long strtol(const char *text, char **end, int base) { return text[0] - '0'; }"
VERSIONS = """
GLIBC_2.2.5 { global: strtol; };
GLIBC_2.38 { global: __isoc23_strtol; newer_than_known; };
GLIBCXX_3.4 { };
GLIBCXX_3.4.32 { global: _ZSt21ios_base_library_initv; };
"""
EXTENSION = """
long strtol(const char *, char **, int);
long __isoc23_strtol(const char *, char **, int);
long both(void) { return 10 * strtol("4", 0, 10) + __isoc23_strtol("2", 0, 10); }
"""
LOAD_AND_CALL = "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).both())"


def compile_library(source: str, out: Path, *arguments: str) -> None:
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        "-fno-builtin",
        "-nostdlib",
        "-x",
        "c",
        "-",
        "-o",
        str(out),
        *arguments,
    ]
    subprocess.run(command, input=source, text=True, check=True)


def write_library(folder: Path, source: str, versions: str) -> None:
    """Write a library to link against or to load, under the one name that extensions know it by."""
    folder.mkdir()
    (folder / "versions").write_text(versions)
    script = f"-Wl,--version-script={folder / 'versions'},-soname,libversioned.so"
    compile_library(source, folder / "libversioned.so", script)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    write_library(tmp_path / "newer", NEWER_LIBRARY, VERSIONS)
    return tmp_path / "newer"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    write_library(tmp_path / "older", OLDER_LIBRARY, "GLIBC_2.2.5 { global: strtol; };")
    return tmp_path / "older"


def link_extension(source: str, newer: Path) -> Path:
    out = newer / "extension.so"
    compile_library(source, out, f"-L{newer}", "-Wl,--no-as-needed", "-lversioned")
    return out


def load_and_call(extension: Path, libraries: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LD_LIBRARY_PATH": str(libraries)}
    command = [sys.executable, "-c", LOAD_AND_CALL, str(extension)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_extension_loads_with_the_older_library_once_relabelled(newer: Path, older: Path) -> None:
    extension = link_extension(EXTENSION, newer)
    kept = newer / "hard-link.so"
    kept.hardlink_to(extension)
    before = extension.read_bytes()
    assert "version `GLIBC_2.38' not found" in load_and_call(extension, older).stderr

    assert relabel(extension) == ["__isoc23_strtol@GLIBC_2.38", "GLIBC_2.38 -> GLIBC_2.2.5"]

    assert load_and_call(extension, older).stdout == "42\n"
    assert load_and_call(extension, newer).stdout == "42\n"
    assert kept.read_bytes() == before
    assert extension.stat().st_size == len(before)
    assert relabel(extension) == []


def test_unknown_symbol_is_refused_and_the_file_left(newer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = EXTENSION + "void newer_than_known(void); void use(void) { newer_than_known(); }"
    extension = link_extension(source, newer)
    before = extension.read_bytes()
    assert main([str(extension)]) == 1
    assert "no older equal is known of newer_than_known@GLIBC_2.38" in capsys.readouterr().err
    assert extension.read_bytes() == before


def test_symbol_that_is_called_is_not_taken_for_one_that_never_is(newer: Path) -> None:
    name = "_ZSt21ios_base_library_initv"
    extension = link_extension(EXTENSION + f"void {name}(void); void use(void) {{ {name}(); }}", newer)
    with pytest.raises(RelabelError, match=f"no older equal is known of {name}@GLIBCXX_3"):
        relabel(extension)


def test_older_version_must_be_asked_for_already(newer: Path) -> None:
    source = EXTENSION.replace('10 * strtol("4", 0, 10) + ', "")
    with pytest.raises(RelabelError, match=r"does not ask for GLIBC_2\.2\.5"):
        relabel(link_extension(source, newer))


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x01\x01" + bytes(58), b"#!/bin/sh\n"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.so"
    path.write_bytes(content)
    with pytest.raises(RelabelError, match="not a 64-bit little-endian ELF file"):
        relabel(path)


@pytest.mark.parametrize("module", INSTALLED)
def test_installed_modules_of_tfx_ask_for_nothing_more(module: str, tmp_path: Path) -> None:
    package, _, rest = module.partition("/")
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    copy = tmp_path / Path(rest).name
    shutil.copy(Path(spec.origin).parent / rest, copy)
    relabel(copy)
    assert relabel(copy) == []
