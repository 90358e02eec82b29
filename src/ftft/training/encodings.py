"""Data sets as models' tokenizers see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ftft.config.schema import FineTuning
from ftft.data.dataset import LabelledDataset
from ftft.data.encode import EncodedDataset
from ftft.tasks import TASKS
from ftft.training.models import load_tokenizer
from ftft.utils import distributed


@dataclass(frozen=True)
class Encodings:
    """Tokenizers and encoded data sets, each made once.

    Attributes:
        notes_said: Whether a note on what was encoded is said, once.
    """

    notes_said: bool = True
    _noted: set[tuple[Any, ...]] = field(default_factory=set)
    _encoded: dict[tuple[Any, ...], EncodedDataset] = field(default_factory=dict)
    _tokenizers: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def silent(self) -> Self:
        """The same ones for a look ahead: it says no note, so that what follows still does."""
        return replace(self, notes_said=False)

    def tokenizer(self, settings: FineTuning) -> Any:
        """The tokenizer of a model, loaded once."""
        key = (settings.model, settings.revision)
        if key not in self._tokenizers:
            self._tokenizers[key] = load_tokenizer(settings)
        return self._tokenizers[key]

    def encoded(
        self,
        settings: FineTuning,
        dataset: LabelledDataset,
        say: Callable[[str], None] | None = None,
    ) -> EncodedDataset:
        """A data set as a model's tokenizer sees it, tokenised once; ``say`` gets its note."""
        length = settings.max_length
        key = (settings.model, settings.revision, length, dataset.name, dataset.fingerprint)
        if key not in self._encoded:
            # What the first process leaves in the cache of `datasets`, the others find there.
            with distributed.first_goes_ahead():
                task, tokenizer = TASKS[dataset.task], self.tokenizer(settings)
                self._encoded[key] = task.tokenize(dataset, tokenizer, length)
        found = self._encoded[key]
        if say is not None and self.notes_said and key not in self._noted:
            self._noted.add(key)
            if found.note:
                say(found.note)
        return found
