"""Data sets as models' tokenizers see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ftft.config.schema import FineTuning
from ftft.data.dataset import LabelledDataset
from ftft.data.encode import EncodedDataset
from ftft.data.lengths import Measured
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
    _measured: dict[tuple[Any, ...], Measured] = field(default_factory=dict)
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
        length, key = settings.max_length, _key(settings, dataset)
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

    def lengths(self, settings: FineTuning, dataset: LabelledDataset) -> Measured:
        """The tokens of a data set's examples, counted once; for who needs no token ids."""
        key, count = _key(settings, dataset), getattr(TASKS[dataset.task], "token_lengths", None)
        if key in self._encoded or count is None:
            return self.encoded(settings, dataset)
        if key not in self._measured:
            made: Measured = count(dataset, self.tokenizer(settings), settings.max_length)
            self._measured[key] = made
        return self._measured[key]


def _key(settings: FineTuning, dataset: LabelledDataset) -> tuple[Any, ...]:
    own = (settings.model, settings.revision, settings.max_length)
    return (*own, dataset.name, dataset.fingerprint)
