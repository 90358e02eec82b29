"""The data of the demo of prompts and completions: commands and the actions they ask for.

Training, development and in-distribution test sets are drawn from one distribution, in which few
commands join their phrases with ``RARE``, so that the phrase that comes last is done first. Every
command of the out-of-distribution set does, with phrases that training joins otherwise. A few
completions of the training set have one wrong action, and are marked. ``write_commands`` writes the
sets as JSON lines.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

from ftft.demo.commands import ACTIONS, actions, all_commands
from ftft.demo.generate import check_sizes
from ftft.errors import DataError
from ftft.utils.atomic import atomic_path

#: The joint that is rare in distribution.
RARE = "after"
#: A command that asks for more than this is left out, to keep the demo short.
MOST_ACTIONS = 14

SETS = ("train", "dev", "test_id", "test_ood")


@dataclass(frozen=True)
class CommandRow:
    """One command and what is known of it.

    Attributes:
        id: Unique over all sets.
        prompt: The command.
        completion: The actions to train or score on, with a space between them.
        rare: Whether the command has the joint that is rare in distribution.
        corrupted: Whether one action of ``completion`` was made wrong on purpose.
    """

    id: str
    prompt: str
    completion: str
    rare: bool
    corrupted: bool


@dataclass(frozen=True)
class CommandData:
    """The four sets of the demo."""

    train: tuple[CommandRow, ...]
    dev: tuple[CommandRow, ...]
    test_id: tuple[CommandRow, ...]
    test_ood: tuple[CommandRow, ...]


def generate_commands(
    *,
    seed: int = 0,
    train: int = 6000,
    dev: int = 200,
    test: int = 500,
    rare_rate: float = 0.03,
    corruption_rate: float = 0.005,
) -> CommandData:
    """Make the demo's data, the same for the same arguments on every machine.

    Args:
        seed: Any integer.
        train: Training commands.
        dev: Development commands, in distribution.
        test: Commands in each of the two test sets.
        rare_rate: Share of in-distribution commands with the rare joint.
        corruption_rate: Share of the training completions with a wrong action.

    Returns:
        Four sets in which no command occurs twice.

    Raises:
        DataError: If a size or a rate makes no sense, or the language has not enough commands.
    """
    check_sizes(
        {"train": train, "dev": dev, "test": test},
        {"rare_rate": rare_rate, "corruption_rate": corruption_rate},
    )
    chance = Random(f"ftft-demo/commands/{seed}")
    short = [command for command in all_commands() if len(actions(command)) <= MOST_ACTIONS]
    chance.shuffle(short)
    rare = (command for command in short if RARE in command)
    common = (command for command in short if RARE not in command)

    def draw(name: str, size: int, rate: float) -> tuple[CommandRow, ...]:
        wanted = round(rate * size)
        drawn = [*_first(rare, wanted), *_first(common, size - wanted)]
        if len(drawn) < size:
            raise DataError(f"demo data: the language has not enough commands for {size} in {name}")
        chance.shuffle(drawn)
        return tuple(_row(f"{name}-{i:05d}", command) for i, command in enumerate(drawn))

    test_ood = draw("test_ood", test, 1.0)
    test_id = draw("test_id", test, rare_rate)
    dev_rows = draw("dev", dev, rare_rate)
    train_rows = draw("train", train, rare_rate)
    return CommandData(_corrupt(train_rows, corruption_rate, chance), dev_rows, test_id, test_ood)


def write_commands(folder: str | os.PathLike[str], data: CommandData) -> dict[str, Path]:
    """Write the sets as JSON lines, each complete or not there at all.

    Args:
        folder: Made if it does not exist; files of the same names are replaced.
        data: What to write.

    Returns:
        The file of each set, by its name.

    Raises:
        DataError: A file cannot be written.
    """
    paths = {name: Path(folder) / f"{name}.jsonl" for name in SETS}
    for name, path in paths.items():
        with (
            atomic_path(path, DataError) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            file.writelines(f"{json.dumps(asdict(row))}\n" for row in getattr(data, name))
    return paths


def _first(commands: Iterator[str], count: int) -> list[str]:
    """The next few commands; fewer where there are no more."""
    return [command for _, command in zip(range(count), commands, strict=False)]


def _row(row_id: str, command: str) -> CommandRow:
    """A command as a row, its completion right."""
    return CommandRow(row_id, command, " ".join(actions(command)), RARE in command, False)


def _corrupt(rows: tuple[CommandRow, ...], rate: float, chance: Random) -> tuple[CommandRow, ...]:
    """Make one action wrong in a share of the rows, chosen at random."""
    chosen = set(chance.sample(range(len(rows)), round(rate * len(rows))))
    return tuple(_slip(row, chance) if i in chosen else row for i, row in enumerate(rows))


def _slip(row: CommandRow, chance: Random) -> CommandRow:
    """A row with one wrong action."""
    words = row.completion.split()
    place = chance.randrange(len(words))
    words[place] = chance.choice([action for action in ACTIONS if action != words[place]])
    return replace(row, completion=" ".join(words), corrupted=True)
