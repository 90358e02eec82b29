"""Will a reference's selection serve another model: agreement, preflight, stability."""

from ftft.transfer.agreement import Agreement, Overlap, agreement
from ftft.transfer.preflight import DevScore, Preflight, Signals, preflight, signals
from ftft.transfer.stability import selections_by_point, stability

__all__ = [
    "Agreement",
    "DevScore",
    "Overlap",
    "Preflight",
    "Signals",
    "agreement",
    "preflight",
    "selections_by_point",
    "signals",
    "stability",
]
