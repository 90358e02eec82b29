"""Labelled data: files and hub data sets in, one canonical form out."""

from ftft.data.detect import Detected, detect_columns
from ftft.data.load import load_data
from ftft.data.task import LabelledDataset, TaskData

__all__ = ["Detected", "LabelledDataset", "TaskData", "detect_columns", "load_data"]
