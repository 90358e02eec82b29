"""The operations of a network on PyTorch's ``meta`` device, each kind worked out once.

There an operation finds out only the shape of its result, which many do in Python and slowly, and
the layers of a network, and networks of one family, do the same ones on the same shapes again and
again. So the result's shape and the floating-point operations are remembered. What an operation
costs is PyTorch's own formula, as in :class:`torch.utils.flop_counter.FlopCounterMode`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

# Makes new tensors, changes its first argument, consists of others, or is something else: a view.
_Kind = Literal["makes", "changes", "consists", "other"]


@dataclass(frozen=True)
class _Known:
    """What an operation gives for some shapes.

    Attributes:
        flops: Its floating-point operations.
        made: Shape, strides and type of each tensor that it makes; None: it gives its first
            argument.
        several: Whether it gives a tuple.
    """

    flops: int
    made: tuple[tuple[torch.Size, tuple[int, ...], torch.dtype], ...] | None
    several: bool = False

    def result(self, args: tuple[Any, ...]) -> Any:
        if self.made is None:
            return args[0]
        tensors = tuple(
            torch.empty_strided(shape, strides, dtype=dtype, device="meta")
            for shape, strides, dtype in self.made
        )
        return tensors if self.several else tensors[0]


_kinds: dict[Any, _Kind] = {}
_known: dict[Any, _Known] = {}
_MOST_KNOWN = 100_000


class CountedOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Counts floating-point operations, those of matrix products, while a network runs.

    Attributes:
        flops: Those that were counted so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.flops = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """One operation of the network."""
        given = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload):
            return NotImplemented  # control flow: what it runs is not known
        kind = _kinds.get(func)
        if kind is None:
            kind = _kinds[func] = _kind(func)
        if kind == "consists":
            with self:
                return func.decompose(*args, **given)
        key = None if kind == "other" else _key(func, args, given)
        known = None if key is None else _known.get(key)
        if known is not None:
            self.flops += known.flops
            return known.result(args)
        before = _described(args[0]) if kind == "changes" else None
        found = func(*args, **given)
        formula = flop_registry.get(func._overloadpacket)
        flops = 0 if formula is None else int(formula(*args, **given, out_val=found))
        self.flops += flops
        if key is not None:
            _remember(key, flops, found, before)
        return found


def _remember(key: Any, flops: int, found: Any, before: Any) -> None:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    several = isinstance(found, tuple)
    made = [_described(one) for one in (found if several else (found,))]
    if None in made:
        return
    if before is None:
        _known[key] = _Known(flops, tuple(made), several)
    elif made == [before]:
        _known[key] = _Known(flops, None)


def _kind(func: Any) -> _Kind:
    implicit = torch._C.DispatchKey.CompositeImplicitAutograd
    if implicit in func.py_kernels or torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), implicit
    ):
        return "consists"
    schema = func._schema
    if any(str(one.type) != "Tensor" for one in schema.returns):
        return "other"
    tied = [one for one in (*schema.arguments, *schema.returns) if one.alias_info is not None]
    if not tied:
        return "makes"
    first = schema.arguments[0]
    changes = len(schema.returns) == 1 and tied == [first, schema.returns[0]]
    return "changes" if changes and first.alias_info.is_write else "other"


class _NotKnownError(Exception):
    """Of an argument it is not known what it does to the result."""


def _key(func: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
    """What the shape of an operation's result depends on; None where that is not known."""
    try:
        named = ((name, _part(one)) for name, one in given.items())
        key = (func, torch.get_default_dtype(), *map(_part, args), *named)
        hash(key)
    except (TypeError, _NotKnownError):
        return None
    return key


def _part(one: Any) -> Any:
    if isinstance(one, torch.Tensor):
        if type(one) not in (torch.Tensor, torch.nn.Parameter) or not one.is_meta:
            raise _NotKnownError
        return one.shape, one.stride(), one.dtype
    if isinstance(one, list | tuple):
        return tuple(map(_part, one))
    # 1, 1.0 and True are equal, and what is computed from them is of different types.
    return type(one), one


def _described(found: Any) -> Any:
    """Shape, strides and type of a tensor whose memory begins with it."""
    if not isinstance(found, torch.Tensor) or not found.is_meta or found.storage_offset():
        return None
    return found.shape, found.stride(), found.dtype
