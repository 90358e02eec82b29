"""Damaged dynamics folders, maps, selections and files of other tools."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import (
    Case,
    check_corpus,
    check_refused,
    flipped,
    parametrised,
    read_or_refuse,
    untouched,
)
from ftft.cartography.coordinates import read_coordinates, write_coordinates
from ftft.cartography.datamap import DataMap
from ftft.dynamics import TrainingDynamics, read_cartography, read_dynamics, read_uid_to_logits
from ftft.dynamics.interop import write_cartography
from ftft.dynamics.shards import Flush, write_flush
from ftft.dynamics.store import write_dynamics
from ftft.selection.selection import Selection
from ftft.selection.strategies import select

N, C, E = 12, 3, 3
IDS = [f"id{n}" for n in range(N)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Everything there is to damage, right so far."""
    folder = tmp_path_factory.mktemp("whole")
    generator = np.random.default_rng(0)
    dynamics = TrainingDynamics.from_arrays(
        generator.normal(size=(E, N, C)), generator.integers(0, C, N), IDS, ["x", "y", "z"]
    )
    write_dynamics(folder / "dynamics", dynamics)
    datamap = DataMap.from_dynamics(dynamics, burn_in=0)
    datamap.write(folder / "map.parquet")
    select(datamap, "ambiguous", 0.5).write(folder / "selection.parquet")
    write_cartography(folder / "theirs", dynamics)
    write_coordinates(folder / "coordinates.jsonl", datamap)
    logits = dynamics.logits()
    tensors = {name: torch.tensor(logits[:, n]) for n, name in enumerate(IDS)}
    torch.save(tensors, folder / "uid_to_logits.pt")
    return folder


@pytest.fixture
def at(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def read_all(folder):
    dynamics = read_dynamics(folder / "dynamics")
    dynamics.logits()
    DataMap.from_dynamics(dynamics, burn_in=0)


READERS = {
    "dynamics": read_all,
    "map.parquet": lambda at: DataMap.read(at / "map.parquet"),
    "selection.parquet": lambda at: Selection.read(at / "selection.parquet"),
    "theirs": lambda at: read_cartography(at / "theirs"),
    "coordinates.jsonl": lambda at: read_coordinates(at / "coordinates.jsonl"),
    "uid_to_logits.pt": lambda at: read_uid_to_logits(
        at / "uid_to_logits.pt", dict.fromkeys(IDS, 0), class_names=["x", "y", "z"]
    ),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_what_the_cases_change_is_right_before(at, reader):
    with untouched(at):
        reader(at)


def header(at, sealed=True, **changes):
    """Change the header; `sealed` puts its own checksum right, as a person could."""
    path = at / "dynamics/header.json"
    content = json.loads(path.read_text()) | changes
    content = {key: value for key, value in content.items() if value is not ...}
    if sealed:
        content.pop("sha256")
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        content["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(content))


def head(name, words, sealed=True, **changes):
    return Case(name, lambda at: header(at, sealed, **changes), ("header.json", *words), "dynamics")


def flush(at, epoch=0, number=7, index=(0,), logits=((0.0,) * C,)):
    target = Flush.named(at / "dynamics", epoch, 0, number)
    write_flush(target, np.array(index, np.int32), np.array(logits, np.float32))


def raw_flush(**columns):
    def write(at):
        pq.write_table(pa.table(columns), at / "dynamics/epoch-000.rank-00.000007.parquet")

    return write


def folder(name, damage, *words):
    return Case(name, damage, words, "dynamics")


def flushes(at, epoch):
    return next((at / "dynamics").glob(f"epoch-{epoch:03d}.*"))


THREE = pa.list_(pa.float32(), C)
HEADERS = [
    head("another format", ["format: ftft-dynamics", "record again"], format="other"),
    head("a later schema", ["schema version 9", "update with"], schema=9),
    head("an earlier schema", ["schema version is 0", "record again"], schema=0),
    head("a schema in words", ["schema version is 'one'", "record again"], schema="one"),
    head("no schema", ["schema version is None", "record again"], schema=...),
    head("not its checksum", ["its own checksum", "Copy the folder"], sealed=False, num_classes=4),
    head("no checksum", ["its own checksum", "Copy"], sealed=False, sha256=...),
    head("a checksum of another type", ["its own checksum", "Copy"], sealed=False, sha256=[1]),
    head("no number of examples", ["'num_examples' is missing", "Copy"], num_examples=...),
    head("no class names", ["'class_names' is missing", "Copy"], class_names=...),
    head("no notes", ["'meta' is missing", "Copy"], meta=...),
    head("examples in words", ["invalid literal", "record again"], num_examples="many"),
    head("no examples", ["at least 1 example", "record again"], num_examples=0),
    head("fewer examples than none", ["at least 1 example", "Copy"], num_examples=-3),
    head("a list of examples", ["header.json is damaged", "Copy"], num_examples=[12]),
    head("one class", ["2 classes", "record again"], num_classes=1, class_names=["x"]),
    head("more classes than names", ["names 3 of 4 classes", "Copy"], num_classes=4),
    head("classes beyond counting", ["names 3 of", "Copy"], num_classes=10**15),
    head("a class name alone", ["names 1 of 3 classes", "Copy"], class_names="x"),
    head("class names as a number", ["header.json is damaged", "Copy"], class_names=3),
    head("no points an epoch", ["1 recording point an epoch", "Copy"], points_per_epoch=0),
    head("positions in words", ["could not convert", "Copy"], positions=["a"]),
    head("notes that are none", ["header.json is damaged", "Copy"], meta=3),
    Case("infinite numbers", lambda at: header(at, False, positions=[float("nan")]),
         ("header.json", "Copy the folder again"), "dynamics"),
    Case("a surrogate in the notes", lambda at: header(at, False, meta={"a": "\ud800"}),
         ("header.json", "Copy the folder again"), "dynamics"),
    *(
        Case(f"a header of {name}", lambda at, text=text: (at / "dynamics/header.json").write_bytes(
            text), ("header.json is damaged", "Copy the folder again"), "dynamics")
        for name, text in {
            "nothing": b"", "a list": b"[]", "a text": b'"x"', "null": b"null", "half": b'{"format',
            "zeros": b"\0" * 9, "latin-1": b'{"a": "\xe9"}', "brackets": b"[" * 99_999,
            "deep notes": b'{"format":' * 9_999, "digits": b'{"schema":' + b"9" * 9_999 + b"}",
        }.items()
    ),
]  # fmt: skip
FOLDERS = [
    folder("no folder", lambda at: shutil.rmtree(at / "dynamics"), "dynamics does not exist",
           "Give the folder"),
    folder("an empty folder", lambda at: [p.unlink() for p in (at / "dynamics").iterdir()],
           "is not a dynamics folder", "import dynamics"),
    folder("no header", lambda at: (at / "dynamics/header.json").unlink(), "header.json",
           "is not a dynamics folder"),
    folder("a header that is a folder", lambda at: ((at / "dynamics/header.json").unlink(),
           (at / "dynamics/header.json").mkdir()), "header.json cannot be read", "permissions"),
    folder("no examples table", lambda at: (at / "dynamics/examples.parquet").unlink(),
           "examples.parquet does not exist", "Copy the folder again"),
    folder("an examples table of another run", lambda at: pq.write_table(pa.table(
           {"example_id": IDS, "label": [0] * N}), at / "dynamics/examples.parquet"),
           "examples.parquet", "not those that header.json names"),
    folder("an examples table without labels", lambda at: pq.write_table(pa.table(
           {"example_id": IDS}), at / "dynamics/examples.parquet"), "examples.parquet", "Copy"),
    folder("labels in words", lambda at: pq.write_table(pa.table(
           {"example_id": IDS, "label": ["x"] * N}), at / "dynamics/examples.parquet"),
           "examples.parquet", "Copy the folder again"),
    folder("labels out of range", lambda at: pq.write_table(pa.table(
           {"example_id": IDS, "label": [9] * N}), at / "dynamics/examples.parquet"),
           "examples.parquet", "below the number of classes 3"),
    folder("a missing label", lambda at: pq.write_table(pa.table(
           {"example_id": IDS, "label": pa.array([None] + [0] * (N - 1))}),
           at / "dynamics/examples.parquet"), "examples.parquet", "Copy the folder again"),
    folder("a missing id", lambda at: pq.write_table(pa.table(
           {"example_id": pa.array([None, *IDS[1:]]), "label": [0] * N}),
           at / "dynamics/examples.parquet"), "examples.parquet", "is missing"),
    folder("an examples table that is text", lambda at: (
           at / "dynamics/examples.parquet").write_text("id,label\n"), "examples.parquet", "Copy"),
    folder("no recordings", lambda at: [p.unlink() for p in (at / "dynamics").glob("epoch-*")],
           "complete recording point", "at least"),
    folder("a missing point", lambda at: flushes(at, 1).unlink(),
           "no file of recording point 1", "copy the folder again"),
    folder("a missing first point", lambda at: flushes(at, 0).unlink(),
           "no file of recording point 0", "copy the folder again"),
    folder("a point beyond counting", lambda at: flush(at, epoch=10**12),
           "no file of recording point 3", "without gaps"),
    folder("a file of another name", lambda at: flushes(at, 1).rename(
           at / "dynamics/epoch-1.parquet"),
           "epoch-1.parquet is not named like", "Move it out"),
    folder("an empty file", lambda at: flushes(at, 1).write_bytes(b""), "epoch-001", "is damaged"),
    folder("half a file", lambda at: flushes(at, 1).write_bytes(flushes(at, 1).read_bytes()[:300]),
           "epoch-001", "remove this file"),
    folder("a text for a file", lambda at: flushes(at, 1).write_text("logits"), "epoch-001",
           "is damaged"),
    folder("a folder for a file", lambda at: (flushes(at, 1).unlink(), (
           at / "dynamics/epoch-001.rank-00.000000.parquet").mkdir()), "epoch-001", "is damaged"),
    folder("a link to nowhere", lambda at: (flushes(at, 1).unlink(), (
           at / "dynamics/epoch-001.rank-00.000000.parquet").symlink_to(at / "none")), "epoch-001",
           "does not exist any more"),
    folder("another point's file", lambda at: shutil.copy(at / "map.parquet", flushes(at, 1)),
           "epoch-001", "is damaged"),
    folder("more classes", lambda at: flush(at, logits=[[0.0] * 4]), "holds 4 logits",
           "header names 3"),
    folder("an index too high", lambda at: flush(at, index=[N]), "indices 12 to 12", "remove it"),
    folder("an index below 0", lambda at: flush(at, index=[-1]), "indices -1 to", "remove it"),
    folder("NaN logits", lambda at: flush(at, logits=[[np.nan] * C]), "'id0'", "learning rate"),
    folder("infinite logits", lambda at: flush(at, logits=[[0, np.inf, 0]]), "'id0'", "diverged"),
    folder("no logits", raw_flush(index=[0]), "000007.parquet is damaged", "checksum"),
    folder("no index", raw_flush(logits=pa.array([[0.0] * C], THREE)), "000007.parquet", "columns"),
    folder("an index of floats", raw_flush(index=[0.5], logits=pa.array([[0.0] * C], THREE)),
           "000007.parquet is damaged", "its index is double"),
    folder("a missing index", raw_flush(index=pa.array([None], pa.int32()),
           logits=pa.array([[0.0] * C], THREE)), "000007.parquet is damaged", "1 missing"),
    folder("an index without checksum", raw_flush(index=pa.array([0], pa.int32()),
           logits=pa.array([[0.0] * C], THREE)), "000007.parquet is damaged", "checksum"),
]  # fmt: skip


def table_case(name, file, words, change=None, settings=None, raw=None):
    """Rewrite a map or a selection: its table, or the settings in its metadata."""

    def damage(at):
        table = pq.read_table(at / file)
        found = json.loads(table.schema.metadata[b"ftft"])
        found = {k: v for k, v in (found | (settings or {})).items() if v is not ...}
        text = json.dumps(found).encode() if raw is None else raw
        table = table if change is None else change(table)
        pq.write_table(table.replace_schema_metadata({b"ftft": text}), at / file)

    return Case(f"{file}: {name}", damage, (file, *words), file)


def column(name, values):
    def change(table):
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, pa.array(values))

    return change


def twice(table):
    return pa.concat_tables([table, table])


MAP, CHOSEN = "map.parquet", "selection.parquet"
HALF = N // 2
TABLES = [
    table_case("a later schema", MAP, ["schema version 9", "Update"], settings={"schema": 9}),
    table_case("another kind", MAP, ["not a map", "Give the file"], settings={"kind": "x"}),
    table_case("settings that are a list", MAP, ["JSON object", "Make it again"], raw=b"[]"),
    table_case("settings that are none", MAP, ["not a readable map", "Make it"], raw=b"{"),
    table_case("deep settings", MAP, ["not a readable map", "Make it"], raw=b"[" * 99_999),
    table_case("no schema", MAP, ["'schema'", "Make it again"], settings={"schema": ...}),
    table_case("schema in words", MAP, ["invalid literal", "Make"], settings={"schema": "x"}),
    table_case("an infinite schema", MAP, ["infinity", "Make"], settings={"schema": float("inf")}),
    table_case("no class names", MAP, ["class_names", "Make"], settings={"class_names": ...}),
    table_case("other class names", MAP, ["label", "['a']"], settings={"class_names": ["a"]}),
    table_case("numbers as classes", MAP, ["is damaged", "Make"], settings={"class_names": [1]}),
    table_case("a number as classes", MAP, ["is damaged", "Make"], settings={"class_names": 1}),
    table_case("burn-in in words", MAP, ["invalid literal", "Make"], settings={"burn_in": "x"}),
    table_case("no variability", MAP, ["variability", "again"],
               lambda t: t.drop_columns("variability")),
    table_case("no ids", MAP, ["example_id", "again"], lambda t: t.drop_columns("example_id")),
    table_case("a missing id", MAP, ["id of an example is missing", "again"],
               column("example_id", [None, *IDS[1:]])),
    table_case("an id twice", MAP, ["'id1'", "must be unique"],
               column("example_id", ["id1", *IDS[1:]])),
    table_case("every row twice", MAP, ["occurs 2 times", "must be unique"], twice),
    table_case("a missing confidence", MAP, ["confidence", "not finite"],
               column("confidence", [None] * N)),
    table_case("variability not finite", MAP, ["variability", "not finite"],
               column("variability", [float("nan")] * N)),
    table_case("confidence in words", MAP, ["not a readable map", "Make it again"],
               column("confidence", ["high"] * N)),
    table_case("an unknown region", MAP, ["region 'far'", "again"], column("region", ["far"] * N)),
    table_case("a missing label", MAP, ["label None", "again"],
               column("label", pa.nulls(N, pa.string()))),
    table_case("forgetting beyond counting", MAP, ["not a readable map", "again"],
               column("forgetting", [10**18] * N)),
    table_case("a later schema", CHOSEN, ["schema version 2", "Update"], settings={"schema": 2}),
    table_case("another kind", CHOSEN, ["not a selection", "Give"], settings={"kind": "map"}),
    table_case("no fraction", CHOSEN, ["fraction", "Make the selection"],
               settings={"fraction": ...}),
    table_case("options that are none", CHOSEN, ["is damaged", "again"], settings={"options": 3}),
    table_case("an infinite total", CHOSEN, ["infinity", "again"],
               settings={"total": float("inf")}),
    table_case("ranks with a gap", CHOSEN, ["ranks are not", "again"],
               column("rank", [*range(HALF - 1), 99])),
    table_case("missing ranks", CHOSEN, ["is missing", "again"],
               column("rank", pa.nulls(HALF, pa.int64()))),
    table_case("missing ids", CHOSEN, ["is missing", "again"],
               column("example_id", pa.nulls(HALF, pa.string()))),
    table_case("missing scores", CHOSEN, ["is missing", "again"],
               column("score", pa.nulls(HALF, pa.float64()))),
    table_case("ids twice", CHOSEN, ["occurs 6 times", "unique"],
               column("example_id", ["id1"] * HALF)),
    *(
        Case(f"{file} {name}", lambda at, file=file, text=text: (at / file).write_bytes(text),
             (file, "again"), file)
        for file in (MAP, CHOSEN)
        for name, text in {"empty": b"", "of text": b"a,b\n", "of PAR1": b"PAR1" * 9}.items()
    ),
    *(
        Case(f"{file} missing", lambda at, file=file: (at / file).unlink(),
             (f"{file} does not exist", "Give the file"), file)
        for file in (MAP, CHOSEN)
    ),
    *(
        Case(f"{file} is a folder", lambda at, file=file: (
             (at / file).unlink(), (at / file).mkdir()), (f"{file} is a folder", "Give"), file)
        for file in (MAP, CHOSEN)
    ),
]  # fmt: skip


def their(name, change, *words, epoch=1):
    def damage(at):
        path = at / f"theirs/dynamics_epoch_{epoch}.jsonl"
        path.write_bytes(change(path.read_bytes().splitlines(keepends=True)))

    return Case(f"theirs: {name}", damage, (f"dynamics_epoch_{epoch}.jsonl", *words), "theirs")


def record(**changes):
    """Change the second line of an epoch."""

    def change(lines):
        second = json.loads(lines[1]) | changes
        second = {key: value for key, value in second.items() if value is not ...}
        return b"".join([lines[0], json.dumps(second).encode() + b"\n", *lines[2:]])

    return change


L = "logits_epoch_1"
THEIRS = [
    their("half a line", lambda lines: b"".join(lines)[:-20], "JSON lines", "Each line must be"),
    their("an empty file", lambda lines: b"", "JSON lines", "Each line must be"),
    their("no JSON", lambda lines: b"guid,gold\n", "JSON lines", "Each line must be"),
    their("a list a line", lambda lines: b"[1]\n", "JSON lines", "Each line must be"),
    their("not UTF-8", record(guid="\udce9"), "dynamics_epoch_1", "must"),
    their("no gold", record(gold=...), "'gold' is missing", "Each line"),
    their("no guid", record(guid=...), "'guid' is missing", "Each line"),
    their("no logits", record(**{L: ...}), f"{L!r} is missing", "Each line"),
    their("null logits", record(**{L: None}), f"{L!r} is missing", "Each line"),
    their("a null logit", record(**{L: [0, None, 1]}), "hold nulls", "one logit for each class"),
    their("two logits", record(**{L: [0, 1]}), "lengths [2, 3]", "one logit for each class"),
    their("logits in words", record(**{L: ["a"]}), "JSON lines", "a list of numbers"),
    their("gold in words", record(gold="x"), "JSON lines", "integer gold label"),
    their("another gold", record(gold=99), "gold label of 'id1' differs", "one run"),
    their("an id twice", record(guid="id0"), "'id0' occurs 2 times", "must be unique"),
    their("an unknown id", record(guid="new"), "'new' is not in the first", "one run"),
    their("ids that are lists", record(guid=[1]), "JSON lines", "guid"),
    Case("theirs: logits beyond float32", lambda at: [path.write_text(path.read_text().replace(
         "[", "[1e300", 1).replace("[1e300", "[1e300,0,0],\"x\":[", 1)) for path in (
         at / "theirs").iterdir()], ("NaN or infinite", "learning rate"), "theirs"),
    Case("theirs: gold below 0", lambda at: [path.write_text(path.read_text().replace(
         '"gold":', '"gold":-1')) for path in (at / "theirs").iterdir()],
         ("gold label", "at least 0"), "theirs"),
    Case("theirs: an epoch is missing", lambda at: (at / "theirs/dynamics_epoch_1.jsonl").unlink(),
         ("no file dynamics_epoch_1.jsonl", "without gaps"), "theirs"),
    Case("theirs: an epoch beyond counting", lambda at: (
         at / f"theirs/dynamics_epoch_{10**15}.jsonl").touch(),
         ("no file dynamics_epoch_3.jsonl", "without gaps"), "theirs"),
    Case("theirs: no epochs", lambda at: [p.unlink() for p in (at / "theirs").iterdir()],
         ("no file dynamics_epoch_0.jsonl", "give the folder"), "theirs"),
    Case("theirs: no folder", lambda at: shutil.rmtree(at / "theirs"),
         ("theirs cannot be listed", "Give the folder"), "theirs"),
]  # fmt: skip


def point(name, change, *words):
    def damage(at):
        path = at / "coordinates.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(
            change(lines)
            if callable(change)
            else "".join(
                [
                    json.dumps(
                        {k: v for k, v in (json.loads(lines[0]) | change).items() if v is not ...}
                    )
                    + "\n",
                    *lines[1:],
                ]
            )
        )

    return Case(f"coordinates: {name}", damage, ("coordinates.jsonl", *words), "coordinates.jsonl")


COORDINATES = [
    point("empty", lambda lines: "", "JSON lines", "Give the coordinates"),
    point("no JSON", lambda lines: "guid,confidence\n", "JSON lines", "Give the coordinates"),
    point("no guid anywhere", lambda lines: '{"confidence": 1}\n', "'guid'", "Give"),
    point("a guid missing", {"guid": ...}, "'guid' is missing", "Give the coordinates"),
    point("an id twice", {"guid": "id1"}, "'id1' occurs 2 times", "must be unique"),
    point("no variability", {"variability": ...}, "'variability' is missing", "Each line must"),
    point("confidence in words", {"confidence": "high"}, "JSON lines", "Give the coordinates"),
    point("correctness below 0", {"correctness": -1}, "correctness", "Each line must"),
    point("correctness beyond counting", {"correctness": 1e300}, "correctness", "Each line must"),
    point("forgetfulness beyond counting", {"forgetfulness": 1e300}, "forgetfulness", "Each line"),
    point("confidence above 1", {"confidence": 7}, "confidence", "Each line must"),
]  # fmt: skip


def tensors(name, content, *words):
    return Case(f"uid_to_logits: {name}", lambda at: torch.save(content, at / "uid_to_logits.pt"),
                ("uid_to_logits.pt", *words), "uid_to_logits.pt")  # fmt: skip


class Harm:
    """Unpickling it would leave a file."""

    def __reduce__(self):
        return open, ("harm", "w")


TENSORS = [
    tensors("a list", [1], "no dictionary of id to logits", "Give the file"),
    tensors("an empty dictionary", {}, "no dictionary of id to logits", "Give the file"),
    tensors("a tensor", torch.zeros(3), "no dictionary of id to logits", "Give the file"),
    tensors("an object that runs code", {"id0": Harm()}, "tensors only", "could run code"),
    tensors("numbers", dict.fromkeys(IDS, 1), "not tensors of one shape", "finished run"),
    tensors("texts", dict.fromkeys(IDS, "x"), "not tensors of one shape", "finished run"),
    tensors("one dimension", dict.fromkeys(IDS, torch.ones(3)), "1 dimensions", "epochs, classes"),
    tensors("two shapes", {"id0": torch.ones(2, 3), "id1": torch.ones(1, 3)}, "one shape", "Give"),
    tensors("an unknown id", {"new": torch.ones(2, 3)}, "'new'", "Give the labels"),
    *(
        Case(f"uid_to_logits: {name}", lambda at, text=text: (
            at / "uid_to_logits.pt").write_bytes(text),
             ("uid_to_logits.pt cannot be loaded", "give the file"),
             "uid_to_logits.pt")
        for name, text in {
            "empty": b"", "text": b"logits", "a zip start": b"PK\x03\x04" * 9,
            "a pickle": b"cos\nsystem\n(S'touch harm'\ntR.", "zeros": b"\0" * 99,
        }.items()
    ),
    Case("uid_to_logits: not finite", lambda at: torch.save(
         {name: torch.full((2, 3), torch.nan) for name in IDS}, at / "uid_to_logits.pt"),
         ("'id0'", "diverged"), "uid_to_logits.pt"),
    Case("uid_to_logits: one class", lambda at: torch.save(
         {name: torch.ones(2, 1) for name in IDS}, at / "uid_to_logits.pt"),
         ("classes", "at least"), "uid_to_logits.pt"),
    Case("uid_to_logits: missing", lambda at: (at / "uid_to_logits.pt").unlink(),
         ("uid_to_logits.pt does not exist", "Give the file"), "uid_to_logits.pt"),
]  # fmt: skip
CASES = [*HEADERS, *FOLDERS, *TABLES, *THEIRS, *COORDINATES, *TENSORS]


@parametrised(CASES)
def test_is_refused(at, case, monkeypatch):
    monkeypatch.chdir(at)  # where code that must not run would leave its file
    case.damage(at)
    check_refused(lambda: READERS[case.also](at), at, case.words)


def test_a_shard_twice_changes_nothing(at):
    """Copied under a later number, the same rows count once more."""
    before = read_dynamics(at / "dynamics").logits()
    shutil.copy(flushes(at, 1), at / "dynamics/epoch-001.rank-00.000009.parquet")
    np.testing.assert_array_equal(read_dynamics(at / "dynamics").logits(), before)


def test_a_link_to_a_file_elsewhere_is_read_and_never_written_through(at, tmp_path):
    """Large files may live on another disk; what a link points to is only ever read."""
    target = tmp_path / "elsewhere.parquet"
    flushes(at, 1).rename(target)
    (at / "dynamics/epoch-001.rank-00.000000.parquet").symlink_to(target)
    with untouched(tmp_path):
        read_all(at)
    content = target.read_bytes()
    flushes(at, 1).unlink()
    assert target.read_bytes() == content


# --- generated

anywhere = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def files_of(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def damaged(whole, at):
    """Put other content into one file, read what it belongs to, and put it back."""

    def read(choice, change):
        names = files_of(whole)
        name = names[choice % len(names)]
        content = (whole / name).read_bytes()
        (at / name).write_bytes(change(content))
        worked = read_or_refuse(lambda: READERS[name.parts[0]](at))
        (at / name).write_bytes(content)
        return worked

    return read


@anywhere
@given(st.integers(0, 10**6), st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_is_read_or_refused(damaged, choice, position, bit):
    damaged(choice, lambda content: flipped(content, position, bit))


@anywhere
@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_cut_file_is_read_or_refused(damaged, choice, share):
    damaged(choice, lambda content: content[: int(share * len(content))])


@anywhere
@given(st.integers(0, 10**6), st.binary(max_size=40), st.floats(0, 1), st.integers(0, 30))
def test_replaced_bytes_are_read_or_refused(damaged, choice, new, share, removed):
    def change(content):
        start = int(share * len(content))
        return content[:start] + new + content[start + removed :]

    damaged(choice, change)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        *("format", "schema", "num_examples", "num_classes", "class_names", "points_per_epoch"),
        *("examples_sha256", "positions", "meta"),
    ]
)


@anywhere
@given(FIELDS, JSON)
def test_header_fields_of_any_value_are_read_or_refused(whole, at, field, value):
    text = (whole / "dynamics/header.json").read_text()
    (at / "dynamics/header.json").write_text(text)
    try:
        header(at, **{field: value})
    except UnicodeEncodeError:  # the checksum of half a surrogate, which only the header may hold
        header(at, False, **{field: value})
    read_or_refuse(lambda: read_all(at))


@anywhere
@given(st.sampled_from([MAP, CHOSEN]), st.text(max_size=12) | FIELDS, JSON)
def test_settings_of_any_value_are_read_or_refused(whole, at, file, key, value):
    table = pq.read_table(whole / file)
    found = json.loads(table.schema.metadata[b"ftft"])
    keys = sorted(found)
    chosen = keys[len(key) % len(keys)] if len(key) % 2 else key
    text = json.dumps(found | {chosen: value}).encode()
    pq.write_table(table.replace_schema_metadata({b"ftft": text}), at / file)
    read_or_refuse(lambda: READERS[file](at))


@anywhere
@given(st.integers(0, N - 1), st.sampled_from(["guid", "gold", "logits_epoch_0", "x"]), JSON)
def test_lines_of_other_tools_of_any_value_are_read_or_refused(whole, at, line, key, value):
    for file in ("theirs/dynamics_epoch_0.jsonl", "coordinates.jsonl"):
        lines = (whole / file).read_text().splitlines()
        if key not in json.loads(lines[0]) and file.startswith("coordinates"):
            key = sorted(json.loads(lines[0]))[line % 7]
        lines[line] = json.dumps(json.loads(lines[line]) | {key: value})
        (at / file).write_text("\n".join(lines) + "\n")
    read_or_refuse(lambda: READERS["theirs"](at))
    read_or_refuse(lambda: READERS["coordinates.jsonl"](at))


def test_the_corpus_is_large():
    check_corpus("dynamics folders", CASES)
