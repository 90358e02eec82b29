"""Keeping freed memory in the process while training on a CPU."""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h; see mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# The most that glibc takes. Larger tensors are still mapped one by one, and given back.
_LARGEST_ON_HEAP = 32 * 2**20


def keep_freed_memory() -> bool:
    """Let the C library reuse the memory of freed tensors instead of giving it back.

    By default glibc gives the end of its heap back whenever enough of it is free, so that the
    activations of every batch cost a page fault for every 4 KiB: about a tenth of a step on a
    CPU. What is computed does not change. Holds for the rest of the process.

    Returns:
        False where the C library is not glibc, and nothing was changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGEST_ON_HEAP) and mallopt(_M_TRIM_THRESHOLD, -1)
    return bool(kept)
