"""Files that are elsewhere: any place with a scheme that fsspec knows, as ``s3://bucket/train.csv``.

A file is fetched into a cache once for each of its versions, and read from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ftft.errors import FtftError
from ftft.utils.atomic import atomic_path
from ftft.utils.hub_reach import unreachable
from ftft.utils.web_page import is_web_page, raw_address

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+::)*[A-Za-z][A-Za-z0-9+.-]+://")
_QUERY = re.compile(r"(?<=[?]).*|(?<=#)[^#]*=.*")
# A user name alone is a token on the web, and elsewhere part of a place (abfs://DATA@ACCOUNT).
_LOGIN = re.compile(r"((?:https?|ftps?)://)[^/?#]*@|(://)[^/?#]*:[^/?#]*@", re.I)
_PARAMETER = re.compile(r"[?&;#]([^=?&;#]+)=")
# Words in names of parameters that let somebody in, as in X-Amz-Signature, access_token, apiKey.
_SECRET_WORDS = {
    *("sig", "signature", "sas", "token", "jwt", "bearer", "credential", "credentials"),
    *("key", "keyid", "accesskey", "accesskeyid", "awsaccesskeyid", "ossaccesskeyid", "apikey"),
    *("googleaccessid", "accessid", "secret", "accesstoken", "authtoken", "auth", "tempauth"),
    *("authorization", "password", "passwd", "passphrase", "pwd", "pass"),
}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# These hold such a word and let nobody in: columns of tables, pages of lists.
_HARMLESS = {
    "primary_key",
    "foreign_key",
    "sort_key",
    "page_token",
    "next_token",
    "next_page_token",
}
# Of what a server says of a file, what differs from one answer to the next.
_NO_VERSION = ("url", "expires", "mimetype")

CACHE_VARIABLE = "FTFT_CACHE"


def is_remote(place: object) -> bool:
    """Whether a place is a URL and no path."""
    return bool(_SCHEME.match(str(place)))


def problem_of(place: str) -> str:
    """Why a URL cannot be taken; empty where it can be, and for a path."""
    if not is_remote(place):
        return ""
    if "::" in place:
        return f"{without_secrets(place)!r}: chains of URLs (::) are not read; give one URL"
    if _LOGIN.search(place) or _has_secret_parameter(place):
        return (
            f"{without_secrets(place)!r} holds a password, a token or a signature, which would be "
            "copied into every run folder; leave it out, and log in as the provider's own tools do"
        )
    return ""


def without_secrets(url: str) -> str:
    """A URL that may be shown: no login, and nothing that might hold parameters."""
    return _QUERY.sub("…", _LOGIN.sub(lambda found: f"{found[1] or found[2]}…@", url))


def _has_secret_parameter(url: str) -> bool:
    names = (unquote(name) for name in _PARAMETER.findall(url))
    return any(_is_secret(name) for name in names)


def _is_secret(name: str) -> bool:
    """Whether a parameter's name says that it lets somebody in; case and - or _ do not matter."""
    if name.lower().replace("-", "_") in _HARMLESS:
        return False
    words = {word.lower() for word in _WORDS.findall(name)} | set(
        re.split(r"[^a-z]+", name.lower())
    )
    return not words.isdisjoint(_SECRET_WORDS)


def local_copy(url: str, error: type[FtftError]) -> Path:
    """Fetch a file, unless this version of it was fetched before.

    Args:
        url: Of a file.
        error: What to raise.

    Returns:
        The file in the cache, under its own name.

    Raises:
        FtftError: It cannot be had; of the given class.
    """
    with _explained(url, "read", error):
        system, path = _system(url)
        found = system.info(path)
        if found["type"] != "file":
            raise error(
                f"{without_secrets(url)} is a folder, where a file was expected; give the URL of "
                "a file."
            )
    version = {key: str(value) for key, value in found.items() if key not in _NO_VERSION}
    key = hashlib.sha256(f"{url} {sorted(version.items())}".encode()).hexdigest()[:32]
    name = path.partition("?")[0].rstrip("/").rpartition("/")[2][-100:]
    copy = _cache() / key / (name or "file")
    if not copy.is_file():
        with atomic_path(copy, error) as temporary, _explained(url, "read", error):
            system.get_file(path, str(temporary), callback=_progress(url))
            if is_web_page(temporary):
                shown = without_secrets(url)
                raise error(
                    f"{shown} is a web page (HTML), where a data file was expected; take "
                    f"{raw_address(shown)}."
                )
    return copy


def fetch(url: str, target: Path, error: type[FtftError]) -> None:
    """Fetch a file to a path.

    Raises:
        FtftError: It cannot be had; of the given class.
    """
    with _explained(url, "read", error):
        system, path = _system(url)
        system.get_file(path, str(target), callback=_progress(url))


def store(files: dict[str, Path | bytes], url: str, error: type[FtftError]) -> None:
    """Write files below a URL, one after the other, the last one last.

    Args:
        files: Name to a file or to its content.
        url: Of the folder.
        error: What to raise.

    Raises:
        FtftError: They cannot be written; of the given class.
    """
    with _explained(url, "written", error):
        system, folder = _system(url)
        system.makedirs(folder, exist_ok=True)
        for name, content in files.items():
            place = f"{folder.rstrip('/')}/{name}"
            system.makedirs(place.rpartition("/")[0], exist_ok=True)
            if isinstance(content, bytes):
                system.pipe_file(place, content)
            else:
                system.put_file(str(content), place, callback=_progress(f"{url}/{name}"))


def is_there(url: str, error: type[FtftError]) -> bool:
    """Whether there is a file, or anything below it.

    Raises:
        FtftError: Nobody knows; of the given class.
    """
    with _explained(url, "read", error):
        system, path = _system(url)
        system.invalidate_cache()
        return bool(system.exists(path))


@contextlib.contextmanager
def _explained(url: str, done: str, error: type[FtftError]) -> Iterator[None]:
    """Say what a file system's error means.

    Args:
        url: The file or folder.
        done: What was to be done: ``read`` or ``written``.
        error: What to raise.

    Raises:
        FtftError: Something went wrong within; of the given class.
    """
    shown = without_secrets(url)
    try:
        yield
    except FtftError:
        raise
    except ImportError as problem:
        raise error(
            f"{shown} cannot be {done}: its file system is not installed ({_first(problem)}). "
            "Install it with pip (s3fs for s3://, gcsfs for gs://, adlfs for abfs://, aiohttp for "
            "https://), or copy the file to this machine."
        ) from problem
    except FileNotFoundError as problem:
        raise error(f"{shown} {_why_absent(problem, done)}") from problem
    except PermissionError as problem:
        raise error(
            f"{shown} cannot be {done}: access is denied ({_first(problem)}). Log in as the "
            "provider's own tools do; ftft uses what they left."
        ) from problem
    # Any exception: each file system has its own.
    except Exception as problem:
        raise error(
            f"{shown} cannot be {done} ({type(problem).__name__}: {_first(problem)}). Check the "
            "URL and the connection, then give the same command again."
        ) from problem


def _why_absent(problem: FileNotFoundError, done: str) -> str:
    """What is behind an error by which file systems also say that a server does not answer."""
    causes: list[BaseException] = [problem]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    answers = (getattr(one, "status", None) for one in causes)
    status = next((one for one in answers if isinstance(one, int)), None)
    if status in (404, 410):
        return f"does not exist: its server answers {status}; check the URL."
    if status is not None:
        return (
            f"cannot be {done}: its server answers {status}; check the URL, and whether you may "
            "see it."
        )
    untrusted = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if untrusted is not None:
        return (
            f"cannot be {done}: there is no secure connection to its server ({_first(untrusted)}). "
            "Check the URL and this machine's clock; where the server or a proxy has a certificate "
            "of its own authority, name that authority's file in SSL_CERT_FILE."
        )
    # Of the connection: no such host, a closed port, no answer in time.
    for one in reversed(causes):
        if isinstance(one, OSError) and not isinstance(one, FileNotFoundError):
            return (
                f"cannot be {done}: its server cannot be reached ({_first(one)}); check the host's "
                "name and the connection."
            )
    return (
        "does not exist, or you may not see it, or its server cannot be reached; check the URL and "
        "the connection."
    )


def _system(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    # The hub's own client would try for minutes.
    if url.startswith("hf://") and (why := unreachable(url)):
        raise ConnectionError(why)
    system, path = url_to_fs(url)
    return system, str(path)


def _first(problem: BaseException) -> str:
    text = without_secrets(str(problem)).strip()
    return (text.partition("\n")[0] or type(problem).__name__)[:200]


def _cache() -> Path:
    """The folder of what was fetched; ``FTFT_CACHE`` names another one."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get(CACHE_VARIABLE) or f"{home}/ftft").expanduser() / "remote"


def _progress(url: str) -> Any:
    from fsspec.callbacks import NoOpCallback, TqdmCallback

    if not sys.stderr.isatty():
        return NoOpCallback()
    name = without_secrets(url).rpartition("/")[2]
    return TqdmCallback({"desc": name, "unit": "B", "unit_scale": True, "leave": False})
