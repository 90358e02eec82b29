"""Labelled data: files and hub data sets in, one canonical form out."""

from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.detect import Detected, detect_columns
from ftft.data.load import load_data

__all__ = ["Detected", "LabelledDataset", "TaskData", "detect_columns", "load_data"]
