#!/usr/bin/env python3
"""Lower the symbol versions that TFX's two extension modules ask of an older glibc and libstdc++.

The wheels of ml-metadata and tensorflow-data-validation are tagged manylinux_2_39, because their extension
modules ask for a few symbols of glibc 2.38 and GCC 13. Every one of these has an equal in older libraries:

- `__isoc23_strtol` and its kin are `strtol` and its kin that also read C23's `0b101`;
- `__cxa_call_terminate` ends the process after an exception in a noexcept function; `abort` does too;
- `_ZSt21ios_base_library_initv` is asked for so that a too old libstdc++ is refused; nothing calls it.

The dynamic symbol table is edited in place: no byte moves and the file's size stays. The result loads with
glibc 2.34 and the libstdc++ of GCC 12 (Debian 12, Ubuntu 22.04) and with everything newer. A file that asks
for anything else of these versions is refused and left as it was. Running it again changes nothing.

usage: relabel_manylinux.py EXTENSION.so ...
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDER_VERSIONS = {
    b"GLIBC_2.38": b"GLIBC_2.2.5",
    b"GLIBCXX_3.4.32": b"GLIBCXX_3.4",
    b"CXXABI_1.3.15": b"CXXABI_1.3",
}
C23_PREFIX = b"__isoc23_"
REPLACEMENTS = {b"__cxa_call_terminate": (b"abort", b"GLIBC_2.2.5")}
NEVER_CALLED = {b"_ZSt21ios_base_library_initv"}

_RELOCATIONS, _DYNAMIC_SYMBOLS, _VERSION_NEEDS, _SYMBOL_VERSIONS = 4, 11, 0x6FFFFFFE, 0x6FFFFFFF
_SYMBOL_BYTES, _RELOCATION_BYTES, _WEAK = 24, 24, 2


class RelabelError(Exception):
    """A file that cannot be relabelled; it was left as it was."""


@dataclass(frozen=True)
class Section:
    """Where a section lies in the file, in bytes; `link` and `info` mean what its kind says."""

    kind: int
    offset: int
    size: int
    link: int
    info: int


@dataclass(frozen=True)
class VersionNeed:
    """One version that is asked of one library: where its entry lies and what it holds."""

    offset: int
    name_hash: int
    name_offset: int
    name: bytes


class DynamicSymbols:
    """The dynamic symbols of a 64-bit little-endian ELF file, with the versions they ask for."""

    def __init__(self, content: bytes) -> None:
        """Find the tables in `content`; raises RelabelError if they are not there."""
        if content[:6] != b"\x7fELF\x02\x01":
            raise RelabelError("not a 64-bit little-endian ELF file")
        self.content = bytearray(content)
        self.sections = list(self._sections())
        self.symbols = self._only(_DYNAMIC_SYMBOLS)
        self.versions = self._only(_SYMBOL_VERSIONS)
        self.strings = self.sections[self.symbols.link]
        self.needs = dict(self._version_needs())

    def _sections(self) -> Iterator[Section]:
        (table,) = struct.unpack_from("<Q", self.content, 40)
        entry_bytes, count, _ = struct.unpack_from("<HHH", self.content, 58)
        for at in range(table, table + count * entry_bytes, entry_bytes):
            _, kind, _, _, offset, size, link, info = struct.unpack_from("<IIQQQQII", self.content, at)
            yield Section(kind, offset, size, link, info)

    def _only(self, kind: int) -> Section:
        found = [section for section in self.sections if section.kind == kind]
        if len(found) != 1:
            raise RelabelError(f"{len(found)} sections of type {kind:#x}, expected one")
        return found[0]

    def _version_needs(self) -> Iterator[tuple[int, VersionNeed]]:
        table = self._only(_VERSION_NEEDS)
        library = table.offset
        for _ in range(table.info):
            _, count, _, first, next_library = struct.unpack_from("<HHIII", self.content, library)
            at = library + first
            for _ in range(count):
                name_hash, _, index, name, next_need = struct.unpack_from("<IHHII", self.content, at)
                yield index, VersionNeed(at, name_hash, name, self.string(name))
                at += next_need
            library += next_library

    def string(self, offset: int) -> bytes:
        """Return the string at an offset of the string table."""
        start = self.strings.offset + offset
        return bytes(self.content[start : self.content.index(b"\0", start)])

    def string_offset(self, text: bytes) -> int:
        """Return where the string table holds `text`; raises RelabelError if it does not."""
        start = self.strings.offset
        at = self.content.find(b"\0" + text + b"\0", start, start + self.strings.size)
        if at < 0:
            raise RelabelError(f"{text.decode()} is not in its string table")
        return at + 1 - start

    def need_index(self, version: bytes) -> int:
        """Return the index of a version that the file asks for already."""
        for index, need in self.needs.items():
            if need.name == version:
                return index
        raise RelabelError(f"does not ask for {version.decode()}, which should replace a newer one")

    def is_relocated(self, symbol: int) -> bool:
        """Tell whether any relocation refers to the symbol, so that it would be called or read."""
        for section in self.sections:
            if section.kind != _RELOCATIONS:
                continue
            end = section.offset + section.size
            for at in range(section.offset, end, _RELOCATION_BYTES):
                if struct.unpack_from("<I", self.content, at + 12)[0] == symbol:
                    return True
        return False

    def lower_symbol(self, symbol: int) -> str | None:
        """Make one symbol ask for its older equal; return what was done, None if there was no need."""
        at = self.symbols.offset + symbol * _SYMBOL_BYTES
        version_at = self.versions.offset + symbol * 2
        name_offset, info, _, defined_in = struct.unpack_from("<IBBH", self.content, at)
        need = self.needs.get(struct.unpack_from("<H", self.content, version_at)[0] & 0x7FFF)
        if need is None or need.name not in OLDER_VERSIONS or defined_in:
            return None
        name = self.string(name_offset)
        if name.startswith(C23_PREFIX):
            struct.pack_into("<I", self.content, at, name_offset + len(C23_PREFIX))
        elif name in REPLACEMENTS:
            older, version = REPLACEMENTS[name]
            struct.pack_into("<I", self.content, at, self.string_offset(older))
            struct.pack_into("<H", self.content, version_at, self.need_index(version))
        elif name in NEVER_CALLED and not self.is_relocated(symbol):
            self.content[at + 4] = _WEAK << 4 | info & 0xF
        else:
            raise RelabelError(f"no older equal is known of {name.decode()}@{need.name.decode()}")
        return f"{name.decode()}@{need.name.decode()}"

    def lower_need(self, need: VersionNeed) -> str:
        """Make one version entry ask for the older version; return what was done."""
        older = self.needs[self.need_index(OLDER_VERSIONS[need.name])]
        struct.pack_into("<I", self.content, need.offset, older.name_hash)
        struct.pack_into("<I", self.content, need.offset + 8, older.name_offset)
        return f"{need.name.decode()} -> {older.name.decode()}"


def relabel(path: Path) -> list[str]:
    """Relabel one extension module in place; return what was changed, empty if nothing had to be.

    The changed file is written aside and renamed: hard links to the old one, as installers make them from
    their caches, keep the old content.

    Raises:
        RelabelError: if the file is no ELF file of the expected kind, or asks for a symbol of a newer
            library of which no older equal is known.
    """
    elf = DynamicSymbols(path.read_bytes())
    count = elf.symbols.size // _SYMBOL_BYTES
    changes = [change for symbol in range(count) if (change := elf.lower_symbol(symbol))]
    changes += [elf.lower_need(need) for need in elf.needs.values() if need.name in OLDER_VERSIONS]
    if changes:
        _replace(path, bytes(elf.content))
    return changes


def _replace(path: Path, content: bytes) -> None:
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(aside).chmod(path.stat().st_mode & 0o777)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def main(names: list[str]) -> int:
    """Relabel the files named; print a line for each and return the exit code."""
    if not names or names[0] in {"-h", "--help"}:
        print(__doc__)
        return 0 if names else 2
    for name in names:
        try:
            changes = relabel(Path(name))
        except (OSError, RelabelError) as error:
            print(f"relabel_manylinux: {name}: {error}", file=sys.stderr)
            return 1
        print(f"{Path(name).name}: {', '.join(changes) or 'nothing to do'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
