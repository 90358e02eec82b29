"""Running a network without weights, to see which rows of its tables it asks for.

Every family counts positions in its own way: from 0, from the padding token's id on, relative to
each other, or not at all. So the network's own code is run. Its weights are on PyTorch's ``meta``
device, where nothing is computed; token ids, and all that is made of them alone, are real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

# Tables are asked before and in the first layers; more would only take time.
_MOST = 300


class NoRowError(Exception):
    """A table of a network was asked for a row that it does not have.

    Args:
        asked: The indices that were asked for.
        rows: How many rows the table has.
    """

    def __init__(self, asked: torch.Tensor, rows: int) -> None:
        worst = asked.min() if int(asked.min()) < 0 else asked.max()
        super().__init__(f"row {int(worst)} of a table of {rows}")
        self.asked, self.rows, self.row = asked, rows, int(worst)


class EnoughError(Exception):
    """So many operations were run that all tables have been asked."""


class RealIndices(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Compute what is made of real tensors alone, and nothing else; check every look-up.

    Raises:
        NoRowError: An embedding was asked for a row that it does not have.
        EnoughError: The first layers are done.
    """

    operations = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """One operation of the network."""
        given = dict(kwargs or {})
        self.operations += 1
        if self.operations > _MOST:
            raise EnoughError
        if func is torch.ops.aten.embedding.default and not args[1].is_meta:
            return _look_up(args[0], args[1])
        if func is torch.ops.aten._local_scalar_dense.default and args[0].is_meta:
            return torch.zeros((), dtype=args[0].dtype).item()  # of activations, which nobody knows
        real: list[bool] = []
        tree_map_only(torch.Tensor, lambda one: real.append(not one.is_meta), (args, given))
        device = given.get("device")
        if all(real) and device is not None and torch.device(device).type == "meta":
            # Made beside the weights, or moved to them: positions and masks, which must stay real.
            given["device"] = torch.device("cpu")
        elif any(real) and not all(real):
            args, given = tree_map_only(torch.Tensor, lambda one: one.to("meta"), (args, given))
        return func(*args, **given)


def _look_up(table: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    if asked.numel() and not 0 <= int(asked.min()) <= int(asked.max()) < len(table):
        raise NoRowError(asked, len(table))
    return torch.empty((*asked.shape, *table.shape[1:]), device="meta", dtype=table.dtype)
