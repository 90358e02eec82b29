"""A small English grammar whose sentences carry their own truth.

A *premise* is one or two clauses. Each clause comes with *claims*: events that
the clause makes true, makes false, or leaves open. A hypothesis asserts or
denies one claim, word for word, in other words, or with a detail added, and
its label follows from the claim's status alone. So the label never depends on
how the words look, and how the words look (``surface``) can be tied to the label
as strongly as one likes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from pairs.lexicon import (
    GIVEN_DETAILS,
    INTRANSITIVE,
    KINDS,
    NAMES,
    SIZES,
    TRANSITIVE,
    Verb,
)

Status = Literal["true", "false", "open"]
Label = Literal["entailment", "neutral", "contradiction"]
LABELS: tuple[Label, ...] = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True)
class Claim:
    """An event and what the premise says about it.

    Attributes:
        subject: Who acts: "Anna", "the surgeon", or a bare plural after a quantifier.
        verb: What is done.
        object: Who is acted upon; None after an intransitive verb.
        status: Whether the premise makes it true, false, or leaves it open.
        construction: The pattern of English that decides the status.
        quantifier: "all", "some", "exactly three", before a plural subject.
    """

    subject: str
    verb: Verb
    object: str | None
    status: Status
    construction: str
    quantifier: str | None = None


@dataclass(frozen=True)
class Clause:
    """A piece of premise with the claims it decides."""

    text: str
    claims: tuple[Claim, ...]


class Cast:
    """Hands out people and verbs, each at most once a premise.

    No two people are of the same kind, so "the musician" always names one of them.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._names = rng.sample(NAMES, 8)
        self._kinds = rng.sample(sorted(KINDS), len(KINDS))
        self._transitive = rng.sample(TRANSITIVE, len(TRANSITIVE))
        self._intransitive = rng.sample(INTRANSITIVE, len(INTRANSITIVE))

    def person(self) -> str:
        """A person not mentioned before, by name more often than by occupation."""
        if self.rng.random() < 0.25:
            return f"the {self.rng.choice(KINDS[self._kinds.pop()].split())}"
        return self._names.pop()

    def group(self) -> str:
        """People of a kind not mentioned before, in the plural."""
        kind = self._kinds.pop()
        return {"child": "children"}.get(kind, kind + "s")

    def intransitive(self) -> Verb:
        """An intransitive verb not used before."""
        return self._intransitive.pop()

    def act(self, construction: str, status: Status = "true", subject: str = "") -> Claim:
        """A fresh event in which someone does something to someone."""
        subject = subject or self.person()
        return Claim(subject, self._transitive.pop(), self.person(), status, construction)

    def event(self, construction: str, status: Status = "true", subject: str = "") -> Claim:
        """A fresh event, with an object more often than not."""
        if self.rng.random() < 0.6:
            return self.act(construction, status, subject)
        return Claim(subject or self.person(), self.intransitive(), None, status, construction)


def active(claim: Claim, form: str | None = None) -> str:
    """The claim in the active voice, as asserted, or with another verb group."""
    group = form or claim.verb.past
    who = f"{claim.quantifier} {claim.subject}" if claim.quantifier else claim.subject
    return f"{who} {group}" + (f" {claim.object}" if claim.object else "")


def passive(claim: Claim, negation: str = "") -> str:
    """The claim in the passive voice."""
    return f"{claim.object} was {negation}{claim.verb.participle} by {claim.subject}"


def voiced(rng: Random, claim: Claim) -> str:
    """The claim in either voice."""
    passive_fits = claim.object is not None and claim.quantifier is None
    return passive(claim) if passive_fits and rng.random() < 0.35 else active(claim)


def denied(rng: Random, claim: Claim) -> str:
    """The negation of a claim."""
    if claim.quantifier == "some":
        return active(replace(claim, quantifier="no"))
    if claim.quantifier:
        return f"not {active(claim)}"
    if claim.object and rng.random() < 0.35:
        return passive(claim, "not ")
    return active(claim, f"did not {claim.verb.base}")


def swapped(rng: Random, claim: Claim) -> tuple[Claim, ...]:
    """Now and then, the claim with the roles exchanged, which no clause here decides."""
    if claim.object is None or rng.random() > 0.3:
        return ()
    swap = replace(claim, subject=claim.object, object=claim.subject)
    return (replace(swap, status="open", construction="role_swap"),)


# --- constructions: each makes a clause and says what it decides --------------------------------


def _plain(cast: Cast) -> Clause:
    claim = cast.event("plain")
    return Clause(voiced(cast.rng, claim), (claim, *swapped(cast.rng, claim)))


def _detailed(cast: Cast) -> Clause:
    claim = cast.event("adjunct")
    detail = cast.rng.choice(GIVEN_DETAILS)
    return Clause(f"{voiced(cast.rng, claim)} {detail}", (claim, *swapped(cast.rng, claim)))


def _negated(cast: Cast) -> Clause:
    claim = cast.event("negation", "false")
    never = active(claim, f"never {claim.verb.past}")
    text = never if cast.rng.random() < 0.3 else denied(cast.rng, claim)
    return Clause(text, (claim,))


def _implicative(cast: Cast) -> Clause:
    choices: tuple[tuple[Status, tuple[str, ...]], ...] = (
        ("true", ("managed to", "remembered to", "dared to")),
        ("false", ("failed to", "refused to", "forgot to")),
        ("open", ("wanted to", "planned to", "promised to")),
    )
    status, groups = cast.rng.choice(choices)
    claim = cast.event("implicative", status)
    text = active(claim, f"{cast.rng.choice(groups)} {claim.verb.base}")
    return Clause(text, (claim,))


def _report(cast: Cast) -> Clause:
    choices: tuple[tuple[Status, tuple[str, ...]], ...] = (
        ("true", ("knew", "discovered", "regretted")),
        ("open", ("claimed", "believed", "hoped")),
    )
    status, verbs = cast.rng.choice(choices)
    claim = cast.event("report", status)
    head = f"{cast.person()} {cast.rng.choice(verbs)} that"
    return Clause(f"{head} {voiced(cast.rng, claim)}", (claim,))


def _relative(cast: Cast) -> Clause:
    inner = cast.act("relative_clause")
    if cast.rng.random() < 0.5:
        head, other = inner.subject, inner.object or ""
        modifier = f"who {inner.verb.past} {other}"
    else:
        head, other = inner.object or "", inner.subject
        modifier = f"who {other} {inner.verb.past}"
    outer = Claim(head, cast.intransitive(), None, "true", "relative_clause")
    wrong = replace(outer, subject=other, status="open", construction="nearest_noun")
    text = f"{head}, {modifier}, {outer.verb.past}"
    return Clause(text, (inner, outer, wrong, *swapped(cast.rng, inner)))


def _neighbour(cast: Cast) -> Clause:
    claim = cast.event("nearest_noun")
    other = cast.person()
    place = cast.rng.choice(("next to", "behind", "in front of"))
    text = active(claim).replace(claim.subject, f"{claim.subject} {place} {other}", 1)
    return Clause(text, (claim, replace(claim, subject=other, status="open")))


def _coordination(cast: Cast) -> Clause:
    first = cast.event("coordination")
    second = replace(first, subject=cast.person())
    a, b = first.subject, second.subject
    patterns: tuple[tuple[str, Status, Status], ...] = (
        (f"{a} and {b}", "true", "true"),
        (f"{a} or {b}", "open", "open"),
        (f"neither {a} nor {b}", "false", "false"),
        (f"{a}, but not {b},", "true", "false"),
    )
    who, of_first, of_second = cast.rng.choice(patterns)
    text = active(first).replace(a, who, 1)
    return Clause(text, (replace(first, status=of_first), replace(second, status=of_second)))


def _second_act(cast: Cast) -> Clause:
    links: tuple[tuple[str, Status], ...] = (
        ("instead of", "false"),
        ("without", "false"),
        ("after", "true"),
        ("while", "true"),
    )
    link, status = cast.rng.choice(links)
    main = Claim(cast.person(), cast.intransitive(), None, "true", "second_act")
    act = cast.event("second_act", status, main.subject)
    gerund = act.verb.gerund + (f" {act.object}" if act.object else "")
    return Clause(f"{active(main)} {link} {gerund}", (main, act))


def _conjunction(cast: Cast) -> Clause:
    links: tuple[tuple[str, Status], ...] = (
        ("because", "true"),
        ("although", "true"),
        ("if", "open"),
        ("unless", "open"),
    )
    link, status = cast.rng.choice(links)
    first, second = (cast.event("subordinate_clause", status) for _ in range(2))
    return Clause(f"{link} {active(first)}, {active(second)}", (first, second))


def _adverb(cast: Cast) -> Clause:
    choices: tuple[tuple[Status, tuple[str, ...]], ...] = (
        ("true", ("certainly", "clearly", "luckily")),
        ("open", ("perhaps", "probably", "supposedly")),
    )
    status, adverbs = cast.rng.choice(choices)
    claim = cast.event("sentence_adverb", status)
    text = f"{cast.rng.choice(adverbs)} {voiced(cast.rng, claim)}"
    return Clause(text, (claim,))


def _quantified(cast: Cast) -> Clause:
    claim = cast.event("quantifier", subject=cast.group())
    patterns: tuple[tuple[str, Status, Status], ...] = (
        ("all", "true", "true"),
        ("some", "true", "open"),
        ("no", "false", "false"),
    )
    quantifier, some, every = cast.rng.choice(patterns)
    claims = (
        replace(claim, quantifier="some", status=some),
        replace(claim, quantifier="all", status=every),
    )
    return Clause(active(replace(claim, quantifier=quantifier)), claims)


def _counted(cast: Cast) -> Clause:
    first, second = cast.rng.sample(SIZES, 2)
    claim = replace(cast.event("number", subject=cast.group()), quantifier=f"exactly {first}")
    other = replace(claim, quantifier=f"exactly {second}", status="false")
    return Clause(active(claim), (claim, other))


#: How each construction is made, and how often: those that hang on word order, which a small
#: model learns last, are rarer than those that a word gives away.
CONSTRUCTIONS: dict[str, tuple[Callable[[Cast], Clause], float]] = {
    "plain": (_plain, 1.0),
    "adjunct": (_detailed, 1.0),
    "negation": (_negated, 1.5),
    "implicative": (_implicative, 1.5),
    "report": (_report, 1.0),
    "relative_clause": (_relative, 0.5),
    "nearest_noun": (_neighbour, 0.25),
    "coordination": (_coordination, 1.0),
    "second_act": (_second_act, 1.0),
    "subordinate_clause": (_conjunction, 1.0),
    "sentence_adverb": (_adverb, 1.0),
    "quantifier": (_quantified, 1.0),
    "number": (_counted, 0.25),
}


def clauses(cast: Cast, count: int) -> list[Clause]:
    """Draw clauses by their weights, about different people."""
    makers, weights = zip(*CONSTRUCTIONS.values(), strict=True)
    return [maker(cast) for maker in cast.rng.choices(makers, weights, k=count)]
