"""Pairs of a premise and a hypothesis, of a wanted label and a wanted look.

The label of a pair follows from the grammar's claims. The *surface* of a pair
is what the hypothesis adds to the words of the premise; the shortcut guesses
the label from it.
"""

import re
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from pairs.grammar import Cast, Claim, Label, Status, clauses, denied, voiced
from pairs.lexicon import ADDED_DETAILS, KIND_OF, LEMMA, SIZES

Surface = Literal["overlap", "new_words", "denial"]

SURFACES: tuple[Surface, ...] = ("overlap", "new_words", "denial")

#: What the shortcut guesses. Of a denial it is always right: only what is true is denied here.
SHORTCUT: dict[Surface, Label] = {
    "overlap": "entailment",
    "new_words": "neutral",
    "denial": "contradiction",
}

_NEGATIONS = frozenset(("not", "no"))
_FUNCTION_WORDS = frozenset((*SIZES, "a", "the", "was", "did", "by", "all", "some", "exactly"))
# How often other words that are new mean the same as the old ones, rather than add a detail.
_RESTATEMENT_RATE = 0.5
_DENIED: dict[Status, Label] = {"true": "contradiction", "false": "entailment", "open": "neutral"}
_TRUTH: dict[Status, Label] = {"true": "entailment", "false": "contradiction", "open": "neutral"}


@dataclass(frozen=True)
class Pair:
    """A premise, a hypothesis, and the truth about them."""

    premise: str
    hypothesis: str
    label: Label
    surface: Surface
    construction: str


def words(text: str) -> set[str]:
    """The words of a text, inflection removed."""
    return {LEMMA.get(word, word) for word in re.findall(r"[a-z]+", text.lower())}


def surface_of(premise: str, hypothesis: str) -> Surface:
    """What a reader sees who does not read: a denial, a word the premise has not, or neither."""
    if words(hypothesis) & _NEGATIONS:
        return "denial"
    added = words(hypothesis) - words(premise) - _FUNCTION_WORDS
    return "new_words" if added else "overlap"


def restated(rng: Random, claim: Claim) -> str:
    """The claim in other words: the kind for the person, or a verb that means the same."""
    choices = ["verb"]
    choices += ["object"] * (claim.object in KIND_OF) + ["subject"] * (claim.subject in KIND_OF)
    for part in rng.sample(choices, rng.randint(1, min(2, len(choices)))):
        if part == "verb" and claim.verb.synonym:
            claim = replace(claim, verb=claim.verb.synonym)
        elif part == "object" and claim.object:
            claim = replace(claim, object=KIND_OF[claim.object])
        elif part == "subject":
            claim = replace(claim, subject=KIND_OF[claim.subject])
    return voiced(rng, claim)


def _hypothesis(rng: Random, claim: Claim, surface: Surface) -> tuple[str, Label]:
    """One hypothesis about a claim that may have the surface asked for, and its label."""
    if surface == "denial":
        return denied(rng, claim), _DENIED[claim.status]
    if surface == "overlap":
        return voiced(rng, claim), _TRUTH[claim.status]
    # A wrong number with a detail may be right: two of the five may have slept in the garden.
    if rng.random() < _RESTATEMENT_RATE or claim.construction == "number":
        return restated(rng, claim), _TRUTH[claim.status]
    label = "neutral" if claim.status == "true" else _TRUTH[claim.status]
    return f"{voiced(rng, claim)} {rng.choice(ADDED_DETAILS)}", label


def make_pair(rng: Random, surface: Surface, label: Label, second_sentence_rate: float) -> Pair:
    """Make a pair with the surface and the label asked for.

    Args:
        rng: The source of all choices.
        surface: What the hypothesis shall add to the premise's words.
        label: What shall follow from the premise.
        second_sentence_rate: How often the premise has two sentences.

    Returns:
        A pair; drawn again and again until it fits.
    """
    while True:
        cast = Cast(rng)
        count = 2 if rng.random() < second_sentence_rate else 1
        parts = clauses(cast, count)
        premise = " ".join(sentence(part.text) for part in parts)
        claim = rng.choice([claim for part in parts for claim in part.claims])
        text, follows = _hypothesis(rng, claim, surface)
        hypothesis = sentence(text)
        if follows == label and surface_of(premise, hypothesis) == surface:
            return Pair(premise, hypothesis, label, surface, claim.construction)


def sentence(text: str) -> str:
    """A clause as a sentence."""
    return text[0].upper() + text[1:] + "."
