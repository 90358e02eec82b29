"""What a file is that is not UTF-8 text, and the command that makes it so."""

from __future__ import annotations

import gzip
import shlex
from pathlib import Path

from ftft.errors import DataError

GZIP = b"\x1f\x8b"
_ARCHIVES = {
    b"PK\x03\x04": "ZIP",
    b"BZh91AY&SY": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
# The longer marks first, since they begin like the shorter ones.
_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def check_start(path: Path, start: bytes) -> None:
    """Refuse a text file that is compressed or in UTF-16 or UTF-32, as its start shows.

    Args:
        path: The file; gzip-compressed where it ends in ``.gz``.
        start: Its first bytes, decompressed.

    Raises:
        DataError: It is; says which command makes it readable.
    """
    if start.startswith(GZIP):
        raise DataError(
            f"{path} is compressed with gzip{' twice' if path.suffix == '.gz' else ''}, but its "
            f"name does not say so: it must end in .gz. Unpack it: {_unpack(path)}"
        )
    for mark, archive in _ARCHIVES.items():
        if start.startswith(mark):
            raise DataError(
                f"{path} is compressed ({archive}). Only gzip files, whose names must end in .gz, "
                "are read as they are: unpack it first."
            )
    encoding = _wide_encoding(start)
    if encoding:
        raise DataError(
            f"{path} is written in {encoding}, not UTF-8. Convert it: {_convert(path, encoding)}"
        )


def _wide_encoding(start: bytes) -> str:
    """The encoding of 2 or 4 bytes a character that a file is in, if it is."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    # Without a mark, plain letters leave zeros, and are valid UTF-8 by that.
    zeros = "".join("x" if byte else "0" for byte in start[:4])
    names = {"x0x0": "UTF-16LE", "0x0x": "UTF-16BE", "x000": "UTF-32LE", "000x": "UTF-32BE"}
    return names.get(zeros, "")


def not_utf8(path: Path) -> str:
    """Say in one paragraph where a file is not UTF-8 text, and what to do.

    Args:
        path: A file that could not be decoded; gzip-compressed where it ends in ``.gz``.
    """
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return (
            f"{path}, line {line:,}: byte {error.start:,} (0x{content[error.start]:02x}) is not "
            f"UTF-8. {_remedy(path, content, error)}"
        )
    return f"{path} is not UTF-8."


def _remedy(path: Path, content: bytes, error: UnicodeDecodeError) -> str:
    if error.reason == "unexpected end of data":
        return "It is half a character: the file was cut off. Get it again."
    if not content.decode("utf-8", errors="ignore").isascii():
        return (
            "There is other text that is UTF-8, so the file is damaged here, or was put together "
            "from files in two encodings. Repair the line."
        )
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "Find out the file's encoding, and save it as UTF-8."
    return (
        f"If the file comes from Windows in Western Europe or America, convert it: "
        f"{_convert(path, 'WINDOWS-1252')}"
    )


def _convert(path: Path, encoding: str) -> str:
    old, new = shlex.quote(str(path)), shlex.quote(str(path.with_name(f"utf8-{path.name}")))
    if path.suffix == ".gz":
        return f"gunzip -c {old} | iconv -f {encoding} -t UTF-8 | gzip > {new}"
    return f"iconv -f {encoding} -t UTF-8 {old} > {new}"


def _unpack(path: Path) -> str:
    old, new = shlex.quote(str(path)), shlex.quote(str(path.with_name(f"unpacked-{path.name}")))
    # Of a file that is compressed twice, one layer: its name goes on to end in .gz.
    return f"gunzip -c < {old} > {new}"
