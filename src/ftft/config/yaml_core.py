"""YAML by the core schema of version 1.2, read and written by PyYAML, which knows 1.1 only.

So ``no`` and ``off`` are texts, ``2e-5`` is a number, ``010`` is ten, and a date is a text.
"""

from __future__ import annotations

import itertools
import re
import reprlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from yaml.reader import ReaderError

MAX_VALUES = 100_000
MAX_DEPTH = 50
MAX_DIGITS = 100

_TAG = "tag:yaml.org,2002:"

# YAML 1.2.2, section 10.3.2, and merge keys, which only 1.1 has; with the first characters.
_CORE = {
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": (r"<<", ["<"]),
}


# Problems of PyYAML that a text without quotes is likely behind, and its names of what is no text.
_SIGN = re.compile(r"but got '|not allowed here|cannot start any token")
_NAMES = {
    "'<stream end>'": "the end of the text",
    "end of stream": "end of the text",
    "mapping values are not allowed here": "a key and its ':' cannot stand here",
}


class _Loader(yaml.SafeLoader):
    """The safe loader; refuses what YAML allows and no experiment can hold.

    That is a key that stands twice, merges that grow without bound, and numbers of thousands of
    digits, which take minutes to read, or cannot be written in a message.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        kind = node.tag.removeprefix(_TAG)
        place = f"{shorten(node.value)} at line {node.start_mark.line + 1}"
        if kind in ("int", "float") and len(node.value) > MAX_DIGITS:
            raise ValueError(
                f"the number {place} has {len(node.value):,} characters, more than the "
                f"{MAX_DIGITS} that one may have; put it in quotes if it is a text"
            )
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError):
            # What PyYAML raises where a tag does not fit the value.
            raise ValueError(
                f"{place} cannot be read as a value of type {kind}; put it in quotes if it is a "
                "text"
            ) from None

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        # Here and not when values are made: by then `<<` has put other mappings' keys in.
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, count in counts.items():
            if count > 1 and key != "<<":
                line = node.start_mark.line + 1
                raise ValueError(f"the key {key!r} stands twice in the mapping at line {line}")
        return node

    def flatten_mapping(self, node: Any) -> None:
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
                mappings = [part for part in parts if isinstance(part, yaml.MappingNode)]
                for part in mappings:
                    self.flatten_mapping(part)
                if sum(len(part.value) for part in mappings) > MAX_VALUES:
                    raise ValueError(f"its merges stand for more than {MAX_VALUES:,} values")
        super().flatten_mapping(node)


class _Dumper(yaml.SafeDumper):
    """The safe dumper; quotes each text that either version of YAML reads as something else."""


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10)


_Loader.add_constructor(f"{_TAG}int", _whole)
for _kind, (_pattern, _first) in _CORE.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})$"), _first)


def dump(values: Any, **options: Any) -> str:
    """Write plain values, keys in their order, so that YAML 1.1 and 1.2 both read the same."""
    given: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, **options}
    return str(yaml.dump(values, Dumper=_Dumper, **given))


def flow(value: Any) -> str:
    """Write a value on one line, as in ``{a: [b]}``; what cannot be seen is escaped."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow(key)}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    hidden = isinstance(value, str) and not value.isprintable()
    style = {"default_style": '"', "allow_unicode": False} if hidden else {}
    # Inside a list, since a bare scalar would get a document end mark.
    return dump([value], default_flow_style=True, width=sys.maxsize, **style).strip()[1:-1]


def parse(text: str) -> Any:
    """Parse YAML to plain values, none of which is shared between two places.

    A few lines of aliases that stand for millions of values, or for thousands of levels,
    are refused.

    Raises:
        ValueError: It is not YAML, or holds what no experiment can; the message says where.
    """
    try:
        return _plain(yaml.load(text, _Loader), itertools.count(1), ())
    except OverflowError:  # of PyYAML, at "\\UFFFFFFFF"
        raise ValueError("an escape in a quoted text stands for no character") from None
    except yaml.MarkedYAMLError as error:
        raise ValueError(_in_words(error)) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(
            f"line {line:,}: the character #x{error.character:04x} cannot stand in YAML"
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def _in_words(error: yaml.MarkedYAMLError) -> str:
    """Where a text stops being YAML, and why, as a part of a sentence."""
    problem = " ".join((error.problem or "it cannot be read").split()).removeprefix("but ")
    hint = "; put a text that holds ?, : or # in quotes" if _SIGN.search(problem) else ""
    if "<block end>" in problem:
        problem = "this does not go on with what stands above it; check the indentation"
    if r"'\t'" in problem:
        problem, hint = "a tab, where blanks are expected", ""
    for name, meant in _NAMES.items():
        problem = problem.replace(name, meant)
    start, mark = error.context_mark, error.problem_mark or error.context_mark
    of = ""
    if start is not None and mark is not None and start.line < mark.line:
        of = f" ({error.context}, which begins in line {start.line + 1:,})"
    place = "" if mark is None else f"line {mark.line + 1:,}, column {mark.column + 1:,}: "
    return f"{place}{problem}{of}{hint}"


def _plain(value: Any, counter: Iterator[int], path: tuple[str, ...]) -> Any:
    if next(counter) > MAX_VALUES:
        raise ValueError(f"its aliases stand for more than {MAX_VALUES:,} values")
    if len(path) > MAX_DEPTH:
        raise ValueError(f"its values are nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return {
            _scalar(key, path): _plain(item, counter, (*path, str(key)))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_plain(item, counter, (*path, str(n))) for n, item in enumerate(value)]
    return _scalar(value, path)


def _scalar(value: Any, path: tuple[str, ...]) -> Any:
    """A value as it is, unless no experiment can hold it."""
    place = f" (at {'.'.join(path)})" if path else ""
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(
            f"{shorten(value)}{place} holds half a surrogate pair, which is no character"
        )
    if value is not None and not isinstance(value, str | int | float):
        # It has a tag, such as !!binary.
        raise ValueError(
            f"{shorten(value)}{place} is read as a {type(value).__name__}; put a text in quotes, "
            "and write plain texts, numbers, lists and mappings only"
        )
    return value


def shorten(value: Any) -> str:
    """A value for a message, in at most 60 characters."""
    text = reprlib.repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
