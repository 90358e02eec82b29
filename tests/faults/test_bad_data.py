"""Malformed data files: a message that names file, column or row; never another exception."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import Case, check_corpus, check_refused, flipped, parametrised, read_or_refuse
from ftft.config.data import DataConfig
from ftft.data.detect import detect_columns
from ftft.data.load import load_data
from ftft.errors import DataError

HEADER = "id,text,label"
ROWS = [f"r{n},some words {n},{'ab'[n % 2]}" for n in range(12)]
CSV = "\n".join([HEADER, *ROWS]) + "\n"
RECORDS = [{"id": f"r{n}", "text": f"some words {n}", "label": "ab"[n % 2]} for n in range(12)]
JSONL = "".join(json.dumps(record) + "\n" for record in RECORDS)


def load(folder, **changes):
    """The data of a folder's `train.*`, whose keys may be changed."""
    present = sorted(path.name for path in folder.glob("train.*"))
    source = {"path": present[0] if present else "train.csv", "text": "text", "label": "label"}
    other = changes.pop("data", {})
    source = source | {"id": "id"} | changes
    source = {key: value for key, value in source.items() if value is not None}
    config = DataConfig.model_validate({"train": source} | other)
    return load_data(config.resolved(folder))


def file_case(name, content, *words, file="train.csv", **changes):
    stored = content if isinstance(content, bytes) else content.encode()
    return Case(name, lambda at: (at / file).write_bytes(stored), words, also=changes)


def rows(*extra, at=5):
    return "\n".join([HEADER, *ROWS[:at], *extra, *ROWS[at:]]) + "\n"


def lines(*extra, at=5):
    kept = JSONL.splitlines()
    return "\n".join([*kept[:at], *extra, *kept[at:]]) + "\n"


def parquet(**columns):
    def write(at):
        pq.write_table(pa.table(columns), at / "train.parquet")

    return write


def saved_set(at, damage):
    from datasets import Dataset

    Dataset.from_list(RECORDS).save_to_disk(at / "set")
    damage(next((at / "set").glob("*.arrow")))


def parquet_bytes():
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(RECORDS), sink)
    return sink.getvalue().to_pybytes()


PARQUET = parquet_bytes()
ID = pa.array(["a", "b"])
DELIMITED = [
    file_case("empty", "", "train.csv is empty", "a header and at least one row"),
    file_case("blank lines only", "\n\n\n", "train.csv is empty", "a header and at least one row"),
    file_case("header only", HEADER + "\n", "train.csv has no rows", "at least one example"),
    file_case("no text column", CSV.replace("text", "txt", 1), "which 'text'", "mean 'txt'"),
    file_case("no label column", CSV.replace("label", "lab", 1), "train.csv", "which 'label'"),
    file_case("no id column", CSV.replace("id,", "nr,", 1), "train.csv", "which 'id' names"),
    file_case("a column twice", CSV.replace("id,", "text,", 1), "2 columns 'text'", "rename one"),
    file_case("a short row", rows("r99,alone"), "line 7", "2 columns where the header has 3"),
    file_case("a long row", rows("r99,a,b,c"), "line 7", "4 columns where the header has 3"),
    file_case("semicolons", CSV.replace(",", ";"), "train.csv", "is the 'delimiter' right"),
    file_case("tabs", CSV.replace(",", "\t"), "train.csv", "is the 'delimiter' right"),
    file_case("mixed delimiters", rows("r99;words;a"), "line 7", "1 column where"),
    file_case("an open quote", rows('r99,"never closed,a'), "line 7", "never closed", "quoting"),
    file_case("an open quote, last", CSV + 'r99,x,"a\n', "line 14", "never closed", "Close it"),
    file_case("an open quote in the header", CSV.replace("text", '"text', 1), "line 1", "Close it"),
    file_case("latin-1", CSV.replace("words 3", "caf\xe9").encode("latin-1"), "line 5", "iconv"),
    file_case("UTF-16", CSV.encode("utf-16"), "UTF-16", "iconv -f UTF-16"),
    file_case("UTF-16 without mark", CSV.encode("utf-16-le"), "UTF-16LE", "iconv -f UTF-16LE"),
    file_case("gzip without ending", gzip.compress(CSV.encode()), "compressed", "end in .gz"),
    file_case("a zip file", b"PK\x03\x04\xff" * 20, "compressed", "unpack it"),
    file_case("not gzip", CSV, "train.csv.gz", "Take .gz off", file="train.csv.gz"),
    file_case("a quote in a quoted text", rows('r99,"a "b" c",a'), "line 7", "text follows"),
    file_case("cut off in a quoted cell", CSV + 'r99,x,"a', "line 14", "never closed", "Close it"),
    file_case("an escape at the end", CSV + "r99,x,a\\", "line 14", "after it", quoting=False,
              escape="\\"),
    file_case("half a character", CSV.encode() + b"r99,caf\xc3", "line 14", "was cut off"),
    file_case("a broken character", CSV.replace("words 1", "\xe9").encode() + b"r99,caf\xe9,a",
              "line 14", "other text that is UTF-8"),
    file_case("no encoding of Windows", CSV.encode() + b"r99,caf\x81,a", "line 14", "Find out"),
    file_case(
        "gzip cut off",
        gzip.compress(CSV.encode() * 50)[:-40],
        *("train.csv.gz", "cannot be read as csv"),
        file="train.csv.gz",
    ),
    file_case("binary", bytes(range(256)) * 4, "train.csv", "UTF-8"),
    file_case("an id twice", rows("r1,others,a"), "'r1' is there twice", "must be unique"),
    file_case("an empty id", rows(",others,a"), "row 6", "id column 'id' is empty"),
    file_case("an empty text", rows("r99,,a"), "row 6", "no text in 'text'", "drop_empty"),
    file_case("only empty texts", f"{HEADER}\na,,x\nb,,y\n", "rows 1 and 2", "drop_empty"),
    file_case("an empty label", rows("r99,words,"), "'' (1 row)", "labels: {"),
    file_case("no gold label", rows("r99,words,-"), "'-' (1 row)", "stand for no class"),
    file_case("None as a label", rows("r99,words,None"), "'None' (1 row)", "stand for no class"),
    file_case(
        "scores for labels", "\n".join([HEADER, *(f"i{n},x {n},{n / 8}" for n in range(40))]),
        *("column 'label'", "numbers with a fraction", "not classes", "data.classes"),
    ),
    file_case(
        "one text only", "\n".join([HEADER, *(f"i{n},x,{'ab'[n % 2]}" for n in range(40))]),
        *("no development set can be held out", "1 different texts", "under 'dev'"),
    ),
    file_case("one class", f"{HEADER}\nr1,x,a\nr2,y,a\n", "one class ('a')", "at least two"),
    file_case("one row", f"{HEADER}\nr1,x,a\n", "train.csv", "at least two"),
    file_case(
        "a class a row", "\n".join([HEADER, *(f"i{n},x {n},c{n}" for n in range(40))]),
        *("'label'", "40 different values", "is it the right column"),
    ),
    file_case("labels map to nothing", CSV, "'b'", "stand for no class", labels={"a": "yes"}),
    file_case("classes lack one", CSV, "'b' (6 rows)", "'a', 'c'", data={"classes": ["a", "c"]}),
    file_case("where nothing", CSV, "equal to 'z'", "The column holds", where={"label": ["z"]}),
    file_case("where an unknown column", CSV, "which 'where'", "are:", where={"split": ["z"]}),
    file_case("a slice that is not there", CSV, "which 'slices'", "are:", slices=["genre"]),
    file_case(
        "too few names of columns", "r1,x,a\n", "first row has 3", "name every column",
        header=False, columns=["text", "label"],
    ),
    file_case("an unknown suffix", CSV, "train.dat", "'format': csv, tsv", file="train.dat"),
    file_case("a wrong format", CSV, "line 1", "not valid JSON", format="jsonl"),
    file_case("a wrong format, parquet", CSV, "train.csv", "as parquet", format="parquet"),
    Case("no file", lambda at: None, ("train.csv", "does not exist in"), also={}),
    Case("no folder", lambda at: None, ("nowhere/t.csv", "nor does the folder"),
         also={"path": "nowhere/t.csv"}),
    Case("a misspelt file", lambda at: (at / "tarin.csv").write_text(CSV),
         ("train.csv does not exist", "mean 'tarin.csv'"), also={}),
    Case("a folder", lambda at: (at / "train.csv").mkdir(),
         ("train.csv is a folder", "goes under 'hub'"), also={}),
    Case("a file for hub", lambda at: (at / "set.csv").write_text(CSV),
         ("set.csv is a file", "under 'path'"), also={"path": None, "hub": "./set.csv"}),
    Case("a saved set that is cut off",
         lambda at: saved_set(at, lambda path: path.write_bytes(path.read_bytes()[:300])),
         ("set", "cannot be read", "Copy the folder again"), also={"path": None, "hub": "./set"}),
    Case("a saved set without its rows", lambda at: saved_set(at, lambda path: path.unlink()),
         ("set", "cannot be read", "save_to_disk"), also={"path": None, "hub": "./set"}),
    Case("a hub folder without data", lambda at: (at / "set").mkdir(),
         ("set", "cannot be loaded", "Check the name"), also={"path": None, "hub": "./set"}),
    Case("a saved set that is damaged",
         lambda at: ((at / "set").mkdir(), (at / "set/state.json").write_text("{")),
         ("set", "cannot be read", "save_to_disk"), also={"path": None, "hub": "./set"}),
]  # fmt: skip
STRUCTURED = [
    file_case("empty jsonl", "", "train.jsonl is empty", "one JSON object", file="train.jsonl"),
    file_case("broken json", lines('{"id": "r99", "text"'), "line 6", "not valid JSON",
              file="train.jsonl"),
    file_case("an array", json.dumps(RECORDS), "line 1", "JSON lines have one", file="train.jsonl"),
    file_case("an indented array", json.dumps(RECORDS, indent=1), "looks like one JSON array",
              "one object a line", file="train.jsonl"),
    file_case("a number a line", lines("12"), "line 6", "not a JSON object", file="train.jsonl"),
    file_case("null a line", lines("null"), "line 6", "not a JSON object", file="train.jsonl"),
    file_case("two objects a line", lines("{} {}"), "line 6", "not valid", file="train.jsonl"),
    file_case("a list as text", lines('{"id": "x", "text": ["a"], "label": "a"}'), "line 6",
              "'text' holds a list", file="train.jsonl"),
    file_case("an object as label", lines('{"id": "x", "text": "a", "label": {}}'), "line 6",
              "'label' holds a dict", file="train.jsonl"),
    file_case("null as text", lines('{"id": "x", "text": null, "label": "a"}'), "row 6", "no text",
              file="train.jsonl"),
    file_case("no text key", lines('{"id": "x", "label": "a"}'), "row 6", "must not be missing",
              file="train.jsonl"),
    file_case("no key anywhere", '{"a": 1}\n', "no column 'text'", "'a'", file="train.jsonl"),
    file_case("half a surrogate", lines('{"id": "x", "text": "\\ud800", "label": "a"}'), "row 6",
              "surrogate", file="train.jsonl"),
    file_case("half a surrogate as label", lines('{"id": "x", "text": "a", "label": "\\ud800"}'),
              "row 6", "surrogate", file="train.jsonl"),
    file_case("half a surrogate as key", '{"\\ud800": 1}\n', "train.jsonl", "no column 'text'",
              file="train.jsonl"),
    file_case("latin-1 jsonl", lines("caf\xe9").encode("latin-1"), "line 6", "is not UTF-8",
              file="train.jsonl"),
    file_case("nested too deeply", "[" * 100_000, "line 1", "nested too deeply",
              file="train.jsonl"),
    file_case("a deep object", '{"a":' * 100_000, "line 1", "nested too deeply",
              file="train.jsonl"),
    *(
        file_case(f"{encoding} jsonl", JSONL.encode(encoding), "train.jsonl",
                  f"iconv -f {encoding.removesuffix('-sig')} -t UTF-8", file="train.jsonl")
        for encoding in ("UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "UTF-32LE", "UTF-32BE")
    ),
    file_case("gzip jsonl", gzip.compress(JSONL.encode()), "compressed with gzip", "end in .gz",
              file="train.jsonl"),
    file_case("gzip jsonl twice", gzip.compress(gzip.compress(JSONL.encode())), "twice", "Unpack",
              file="train.jsonl.gz"),
    file_case("no parquet", b"PAR1 and nothing", "train.parquet", "cannot be read as parquet",
              file="train.parquet"),
    file_case("empty parquet", b"", "train.parquet", "cannot be read as parquet",
              file="train.parquet"),
    file_case("parquet cut off", PARQUET[:-9], "train.parquet", "cannot be read as parquet",
              file="train.parquet"),
    file_case("parquet without its middle", PARQUET[:200] + PARQUET[400:], "train.parquet",
              "cannot be read as parquet", file="train.parquet"),
    Case("no text in parquet", parquet(id=ID, label=ID), ("no column 'text'", "are: 'id', 'label'"),
         also={}),
    Case("lists in parquet", parquet(id=ID, text=pa.array([["a"], ["b"]]), label=ID),
         ("train.parquet", "column 'text' holds values of type list"), also={}),
    Case("bytes in parquet", parquet(id=ID, text=pa.array([b"\xff", b"a"]), label=ID),
         ("column 'text' of type binary", "cannot be read as text"), also={}),
    Case("nulls in parquet", parquet(id=ID, text=pa.array(["a", None]), label=ID),
         ("row 2", "no text in 'text'"), also={}),
    Case("a null id in parquet", parquet(id=pa.array(["a", None]), text=ID, label=ID),
         ("row 2", "id column 'id' is empty"), also={}),
    Case("no rows in parquet", parquet(id=ID[:0], text=ID[:0], label=ID[:0]),
         ("train.parquet has no rows", "at least one example"), also={}),
    Case("a column of nulls", parquet(id=ID, text=pa.nulls(2), label=ID),
         ("rows 1 and 2", "no text"), also={}),
]  # fmt: skip


@parametrised([*DELIMITED, *STRUCTURED])
def test_is_refused(tmp_path, case):
    case.damage(tmp_path)
    check_refused(lambda: load(tmp_path, **case.also), tmp_path, case.words)


@pytest.mark.parametrize(
    ("file", "content"),
    [("train.csv", CSV.encode()), ("train.jsonl", JSONL.encode()), ("train.parquet", PARQUET)],
)
def test_what_the_cases_change_is_right_before(tmp_path, file, content):
    (tmp_path / file).write_bytes(content)
    assert len(load(tmp_path).train) == 11


EVALUATION = [
    Case("a missing test set", lambda at: None, ("test set 'out'", "out.csv does not exist"),
         also={"path": "out.csv"}),
    Case("a test set of other columns", lambda at: (at / "out.csv").write_text("a,b\n1,2\n"),
         ("test set 'out'", "no column 'text'"), also={"path": "out.csv"}),
    Case("a class only the test set has",
         lambda at: (at / "out.csv").write_text("text,label\nx,neutral\n"),
         ("test set 'out'", "'neutral' (1 row)", "use 'merge'"), also={"path": "out.csv"}),
    Case("a merge of no class", lambda at: (at / "out.csv").write_text("text,label\nx,a\n"),
         ("test set 'out'", "'merge' names 'c'"), also={"path": "out.csv", "merge": {"c": "x"}}),
    Case("a merge of all classes", lambda at: (at / "out.csv").write_text("text,label\nx,a\n"),
         ("test set 'out'", "at least two must remain"),
         also={"path": "out.csv", "merge": {"a": "x", "b": "x"}}),
]  # fmt: skip


@parametrised(EVALUATION)
def test_of_a_test_set_is_refused(tmp_path, case):
    (tmp_path / "train.csv").write_text(CSV)
    case.damage(tmp_path)
    data = {"test": {"out": case.also}}
    check_refused(lambda: load(tmp_path, data=data), tmp_path, case.words)


# --- generated

FILES = {"train.csv": CSV.encode(), "train.jsonl": JSONL.encode(), "train.parquet": PARQUET}
FILES["train.csv.gz"] = gzip.compress(CSV.encode(), mtime=0)


@pytest.fixture
def place(tmp_path):
    """Read a file's content as training data, and as `ftft init` looks at it."""

    def read(name, content):
        (tmp_path / name).write_bytes(content)
        read_or_refuse(lambda: load(tmp_path))
        read_or_refuse(lambda: detect_columns(tmp_path / name).source())
        (tmp_path / name).unlink()

    return read


anywhere = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@anywhere
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.integers(0), st.integers(0, 7)), max_size=4),
)
def test_flipped_bits_are_read_or_refused(place, name, flips):
    content = FILES[name]
    for position, bit in flips:
        content = flipped(content, position, bit)
    place(name, content)


@anywhere
@given(st.sampled_from(sorted(FILES)), st.floats(0, 1))
def test_cut_files_are_read_or_refused(place, name, share):
    place(name, FILES[name][: int(share * len(FILES[name]))])


PIECES = st.sampled_from(
    [
        *(b",", b";", b"\t", b'"', b'""', b"\n", b"\r\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf"),
        *(b"{", b"}", b"[", b"null", b"NaN", b"\\", b"\\ud800", b"=1+1", b"a", b" ", "é".encode()),
    ]
)


@anywhere
@given(st.sampled_from(sorted(FILES)), st.lists(PIECES, max_size=12), st.floats(0, 1))
def test_inserted_pieces_are_read_or_refused(place, name, pieces, share):
    content = FILES[name]
    middle = int(share * len(content))
    place(name, content[:middle] + b"".join(pieces) + content[middle:])


@anywhere
@given(st.sampled_from(["train.csv", "train.jsonl"]), st.lists(PIECES, max_size=25))
def test_files_of_pieces_are_read_or_refused(place, name, pieces):
    place(name, HEADER.encode() + b"\n" + b"".join(pieces))


@anywhere
@given(st.sampled_from(["utf-16", "utf-32", "latin-1", "cp037", "utf-8-sig", "utf-7"]))
def test_other_encodings_are_read_or_refused(place, encoding):
    place("train.csv", CSV.encode(encoding))
    place("train.jsonl", JSONL.encode(encoding))


def test_the_corpus_is_large():
    check_corpus("data files", DELIMITED, STRUCTURED, EVALUATION)


@pytest.mark.parametrize("read", [load, lambda folder: detect_columns(folder / "train.csv")])
def test_a_file_that_may_not_be_read(tmp_path, monkeypatch, read):
    """Refused by a patch, since permissions do not bind the superuser."""
    (tmp_path / "train.csv").write_text(CSV)
    opened = Path.open

    def denied(path, *args, **more):
        if path.name == "train.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **more)

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(DataError, match=r"train.csv cannot be read as .*Permission denied"):
        read(tmp_path)
