"""The words of the pairs' grammar: people, verbs with a synonym each, and details."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """The forms of a verb, and another verb that means the same."""

    base: str
    past: str
    participle: str
    gerund: str
    synonym: "Verb | None" = None


_NAMES = """
Adam Alice Amy Andrew Anna Ben Bob Carl Carol Charlie Clara Daniel David Diana Edward Emily Emma
Eric Eva Frank Fred George Grace Hannah Harry Helen Henry Ian Jack James Jane John Julia Karen
Kate Kevin Laura Leo Linda Lisa Lucy Luke Maria Martin Mary Max Michael Nancy Nick Oliver Oscar
Paul Peter Rachel Robert Ruth Sam Sarah Simon Sophie Steve Susan Thomas Tom Victor Walter
"""
KINDS = {
    "musician": "violinist drummer pianist singer",
    "artist": "painter sculptor photographer",
    "doctor": "surgeon dentist physician",
    "athlete": "swimmer boxer wrestler",
    "scientist": "chemist biologist physicist",
    "writer": "novelist poet journalist",
    "child": "boy girl toddler",
    "relative": "uncle aunt cousin",
    "soldier": "sergeant corporal sniper",
    "politician": "mayor senator governor",
    "teacher": "professor tutor lecturer",
    "worker": "carpenter miner mechanic",
    "cook": "chef baker butcher",
    "traveler": "tourist pilgrim explorer",
    "cleric": "priest bishop monk",
    "criminal": "thief smuggler burglar",
}
_TRANSITIVE = """
help helped helped helping assist assisted assisted assisting
call called called calling phone phoned phoned phoning
chase chased chased chasing pursue pursued pursued pursuing
hire hired hired hiring employ employed employed employing
find found found finding locate located located locating
teach taught taught teaching instruct instructed instructed instructing
see saw seen seeing notice noticed noticed noticing
push pushed pushed pushing shove shoved shoved shoving
choose chose chosen choosing select selected selected selecting
protect protected protected protecting guard guarded guarded guarding
rescue rescued rescued rescuing save saved saved saving
scare scared scared scaring frighten frightened frightened frightening
praise praised praised praising compliment complimented complimented complimenting
greet greeted greeted greeting welcome welcomed welcomed welcoming
blame blamed blamed blaming accuse accused accused accusing
fool fooled fooled fooling trick tricked tricked tricking
"""
_INTRANSITIVE = """
leave left left leaving depart departed departed departing
win won won winning triumph triumphed triumphed triumphing
cry cried cried crying weep wept wept weeping
talk talked talked talking speak spoke spoken speaking
rest rested rested resting relax relaxed relaxed relaxing
yell yelled yelled yelling shout shouted shouted shouting
fall fell fallen falling tumble tumbled tumbled tumbling
hurry hurried hurried hurrying rush rushed rushed rushing
sleep slept slept sleeping doze dozed dozed dozing
complain complained complained complaining grumble grumbled grumbled grumbling
vanish vanished vanished vanishing disappear disappeared disappeared disappearing
trip tripped tripped tripping stumble stumbled stumbled stumbling
"""
# Details that a premise may give, and others that only a hypothesis adds.
GIVEN_DETAILS = ("in the garden", "near the station", "at noon", "on Monday", "last winter")
ADDED_DETAILS = ("with a smile", "in silence", "by accident", "for money", "behind the church")
SIZES = ("two", "three", "four", "five", "six", "seven", "eight")


def _read_verbs(table: str) -> tuple[Verb, ...]:
    """Read one verb a line: four forms, then the four forms of a synonym."""
    rows = [line.split() for line in table.strip().splitlines()]
    return tuple(Verb(a, b, c, d, synonym=Verb(e, f, g, h)) for a, b, c, d, e, f, g, h in rows)


NAMES = tuple(_NAMES.split())
KIND_OF = {f"the {noun}": f"the {kind}" for kind, nouns in KINDS.items() for noun in nouns.split()}
TRANSITIVE = _read_verbs(_TRANSITIVE)
INTRANSITIVE = _read_verbs(_INTRANSITIVE)
LEMMA = {form: v.base for v in TRANSITIVE + INTRANSITIVE for form in (v.past, v.participle)}
LEMMA |= {v.gerund: v.base for v in TRANSITIVE + INTRANSITIVE}
