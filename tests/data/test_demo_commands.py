"""The demo's commands: their actions against the paper's, and the rates that are promised."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ftft.demo.commands import ACTIONS, WORDS, actions, all_commands, all_phrases
from ftft.demo.generate_commands import (
    MOST_ACTIONS,
    SETS,
    CommandData,
    CommandRow,
    generate_commands,
    write_commands,
)
from ftft.errors import DataError

SPELT = {"L": "I_TURN_LEFT", "R": "I_TURN_RIGHT", "J": "I_JUMP", "W": "I_WALK"}
SPELT |= {"U": "I_RUN", "O": "I_LOOK"}

# Commands and actions as Lake and Baroni (2018) give them, in figure 1 and in the text, and more
# that were worked out by hand from their rules. A letter an action.
KNOWN = {
    "jump": "J",
    "jump left": "LJ",
    "jump around right": "RJRJRJRJ",
    "jump around right twice": "RJRJRJRJRJRJRJRJ",
    "turn left twice": "LL",
    "jump thrice": "JJJ",
    "jump opposite left and walk thrice": "LLJWWW",
    "jump opposite left after walk around left": "LWLWLWLWLLJ",
    "walk after run": "UW",
    "walk and run": "WU",
    "turn left": "L",
    "turn opposite right": "RR",
    "turn around left": "LLLL",
    "turn opposite left thrice": "LLLLLL",
    "look right thrice after turn around right": "RRRRRORORO",
    "run opposite right twice and look": "RRURRUO",
}

# Starts of the files' SHA-256. A change here changes every figure given for the demo.
PINNED = {
    "train": "f9eee891a26a",
    "dev": "e1a65495114e",
    "test_id": "0e9404cb224d",
    "test_ood": "2857a838de99",
}


@pytest.fixture(scope="module")
def data() -> CommandData:
    return generate_commands(seed=3, train=1000, dev=100, test=200, corruption_rate=0.02)


def all_rows(data: CommandData) -> list[CommandRow]:
    return [row for name in SETS for row in getattr(data, name)]


@pytest.mark.parametrize("command", KNOWN)
def test_actions_of_known_commands(command: str) -> None:
    assert actions(command) == [SPELT[letter] for letter in KNOWN[command]]


def test_the_language_is_as_large_as_the_papers() -> None:
    commands = all_commands()
    assert len(commands) == len(set(commands)) == 20_910
    assert len(all_phrases()) == 102
    assert set(KNOWN) <= set(commands)
    assert {word for command in commands for word in command.split()} == set(WORDS)
    assert {action for command in commands for action in actions(command)} == set(ACTIONS)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "turn",
        "turn twice",
        "walk around",
        "walk left right",
        "hop left",
        "left",
        "walk twice twice",
        "walk and",
        "and walk",
        "walk and run and look",
        "opposite left",
    ],
)
def test_what_is_no_command_is_refused(command: str) -> None:
    with pytest.raises(DataError, match="no phrase of the demo's language"):
        actions(command)


def test_completions_are_what_the_prompts_ask_for_but_where_marked(data: CommandData) -> None:
    for row in all_rows(data):
        asked, written = actions(row.prompt), row.completion.split()
        differing = sum(a != b for a, b in zip(asked, written, strict=True))
        assert differing == row.corrupted
        assert set(written) <= set(ACTIONS)
        assert len(asked) <= MOST_ACTIONS
        assert row.rare == ("after" in row.prompt.split())


def test_no_prompt_and_no_id_occurs_twice(data: CommandData) -> None:
    rows = all_rows(data)
    assert len({row.prompt for row in rows}) == len({row.id for row in rows}) == len(rows) == 1500


def test_rates(data: CommandData) -> None:
    assert [len(getattr(data, name)) for name in SETS] == [1000, 100, 200, 200]
    rare = {name: sum(row.rare for row in getattr(data, name)) for name in SETS}
    assert rare == {"train": 30, "dev": 3, "test_id": 6, "test_ood": 200}
    wrong = {name: sum(row.corrupted for row in getattr(data, name)) for name in SETS}
    assert wrong == {"train": 20, "dev": 0, "test_id": 0, "test_ood": 0}


def test_all_that_is_tested_out_of_distribution_is_trained_apart(data: CommandData) -> None:
    """What is new is the joint: words of the test set are common in training without it."""
    common = {word for row in data.train if not row.rare for word in row.prompt.split()}
    assert common == set(WORDS) - {"after"}
    tested = {word for row in data.test_ood for word in row.prompt.split()}
    assert tested == common - {"and"} | {"after"}


def test_same_seed_same_data_other_seed_other_data() -> None:
    first = generate_commands(seed=5, train=60, dev=10, test=20)
    assert generate_commands(seed=5, train=60, dev=10, test=20) == first
    assert generate_commands(seed=6, train=60, dev=10, test=20) != first


def test_evaluation_sets_do_not_depend_on_the_training_size(data: CommandData) -> None:
    small = generate_commands(seed=3, train=30, dev=100, test=200)
    assert replace(data, train=()) == replace(small, train=())


def test_the_default_data_are_the_same_everywhere(tmp_path: Path) -> None:
    paths = write_commands(tmp_path / "new", generate_commands())
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}
    assert {name: digest[:12] for name, digest in digests.items()} == PINNED


def test_written_files_read_back(tmp_path: Path, data: CommandData) -> None:
    paths = write_commands(tmp_path, data)
    for name, path in paths.items():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert tuple(CommandRow(**row) for row in rows) == getattr(data, name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": 0}, "train is 0"),
        ({"rare_rate": -0.1}, "rare_rate is -0.1"),
        ({"corruption_rate": 2}, "corruption_rate is 2"),
        ({"train": 20_000}, "not enough commands for 20000 in train"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        generate_commands(**settings)  # type: ignore[arg-type]  # bad values on purpose
