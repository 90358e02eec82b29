"""Data maps: how every training example was learnt, from recorded dynamics."""

from ftft.cartography.coordinates import read_coordinates, write_coordinates
from ftft.cartography.datamap import AMBIGUOUS, EASY, HARD, REGIONS, DataMap
from ftft.cartography.export import export_table
from ftft.cartography.label_errors import label_error_candidates, label_quality_probabilities
from ftft.cartography.statistics import Statistics, statistics
from ftft.cartography.trajectories import confidence_by_epoch, loss_trajectories

__all__ = [
    "AMBIGUOUS",
    "EASY",
    "HARD",
    "REGIONS",
    "DataMap",
    "Statistics",
    "confidence_by_epoch",
    "export_table",
    "label_error_candidates",
    "label_quality_probabilities",
    "loss_trajectories",
    "read_coordinates",
    "statistics",
    "write_coordinates",
]
