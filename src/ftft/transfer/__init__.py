"""Will a reference's selection serve another model: agreement, preflight, stability."""

from ftft.transfer.agreement import Agreement, Overlap, agreement
from ftft.transfer.preflight import DevScore, Finding, Preflight, Signals, preflight, signals
from ftft.transfer.stability import selections_by_point, stability

__all__ = [
    "Agreement",
    "DevScore",
    "Finding",
    "Overlap",
    "Preflight",
    "Signals",
    "agreement",
    "preflight",
    "selections_by_point",
    "signals",
    "stability",
]
