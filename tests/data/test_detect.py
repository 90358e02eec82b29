"""What ``ftft init`` finds out about a file."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.data import detect_columns
from ftft.data.sources import read_source
from ftft.errors import DataError


def rows(*lines, times=3):
    return "\n".join([lines[0], *lines[1:] * times]) + "\n"


def test_pair_with_well_known_names(write):
    content = "uid,premise,hypothesis,gold_label,genre\n" + "".join(
        f"u{i},A long premise number {i},A hypothesis {i},{'en'[i % 2]},g{i % 2}\n"
        for i in range(10)
    )
    found = detect_columns(write("x.csv", content))
    assert (found.text, found.label, found.id) == (("premise", "hypothesis"), "gold_label", "uid")
    assert found.label_values == {"e": 5, "n": 5}
    assert (found.rows, found.format, found.header, found.quoting) == (10, "csv", True, True)
    assert found.columns == ("uid", "premise", "hypothesis", "gold_label", "genre")


def test_source_reads_what_was_detected(write):
    found = detect_columns(write("x.txt", rows("this is one;1", "this is two;0")))
    assert (found.format, found.delimiter, found.header) == ("csv", ";", False)
    assert found.columns == ("column_1", "column_2")
    raw = read_source(found.source())
    assert raw.columns.to_pydict()["column_2"] == ["1", "0", "0", "0"]


def test_longest_texts_where_names_say_nothing(write):
    content = rows("a,b,c", "x,some words are here,k1", "y,other words are there,k2")
    found = detect_columns(write("x.csv", content))
    assert (found.text, found.label, found.id) == (("b",), "a", None)


def test_two_wordy_columns_are_a_pair_unless_copies(write):
    pair = rows("k,s,t", "x,one two three four,five six seven", "y,a b c d,e f g h")
    assert detect_columns(write("x.csv", pair)).text == ("s", "t")
    copies = rows("k,s,t", "x,one two three four,one two three FOUR", "y,a b c d,a b c D")
    assert len(detect_columns(write("x.csv", copies)).text) == 1


def test_ids_under_the_name_of_a_text(write):
    lines = [f"FRM-{row},the words of post {row},{'ab'[row % 2]}" for row in range(10)]
    found = detect_columns(write("x.csv", rows("post,body,category", *lines, times=1)))
    assert (found.text, found.label) == (("body",), "category")
    # Short texts under such a name are texts, where no other column has longer ones.
    lines = [f"word{row},{'ab'[row % 2]}" for row in range(10)]
    assert detect_columns(write("y.csv", rows("post,kind", *lines, times=1))).text == ("post",)


def test_short_texts(write):
    found = detect_columns(
        write("x.csv", "word,label\n" + "".join(f"w{i},{i % 2}\n" for i in range(9)))
    )
    assert (found.text, found.label) == (("word",), "label")


def test_columns_may_be_given(write):
    content = rows("text,other,label,mark", "a b c d,e f g h,1,x", "i j k,l m n,0,y")
    found = detect_columns(write("x.csv", content), text="other", label="mark")
    assert (found.text, found.label) == (("other",), "mark")
    found = detect_columns(write("x.csv", content), text=["other", "text"])
    assert (found.text, found.label) == (("other", "text"), "label")
    with pytest.raises(
        DataError, match=r"no column 'txet', which --text names\. Did you mean 'text'"
    ):
        detect_columns(write("x.csv", content), text="txet")


def test_tab_separated_without_quoting(write):
    content = rows("text\tlabel", 'he said "yes" to it\t1', '"no" she said\t0')
    found = detect_columns(write("x.tsv", content))
    assert (found.quoting, found.delimiter, found.rows) == (False, None, 6)


def test_tab_separated_with_quoting(write):
    content = rows("text\tlabel", '"he said ""yes""\tto it"\t1', '"two\nlines"\t0')
    assert detect_columns(write("x.tsv", content)).quoting is True


def test_open_quote_in_a_file_without_quoting(write):
    assert (
        detect_columns(write("x.csv", rows("text,label", '"oh no,1', "well well,0"))).quoting
        is False
    )


def test_json_lines_and_unknown_suffix(write):
    lines = '{"idx": 1, "text": "some words", "label": 1}\n{"idx": 2, "text": "x", "label": null}\n'
    found = detect_columns(write("x.data", lines))
    assert (found.format, found.text, found.label, found.id) == ("jsonl", ("text",), "label", "idx")
    assert found.label_values == {"": 1, "1": 1}


def test_tabs_in_a_file_of_unknown_suffix(write):
    assert detect_columns(write("x.txt", rows("text\tlabel", "a, b\t1", "c\t0"))).format == "tsv"


@pytest.mark.parametrize("name", ["x.parquet", "x.bin"])
def test_parquet(tmp_path, name):
    table = pa.table({"id": [1, 2], "text": ["a b c", None], "label": [0, 1]})
    pq.write_table(table, tmp_path / name)
    found = detect_columns(tmp_path / name)
    assert (found.format, found.text, found.label, found.id) == (
        "parquet",
        ("text",),
        "label",
        "id",
    )


def test_id_must_be_unique_in_the_whole_file(write):
    content = "id,text,label\n" + "".join(f"{i},words {i},{i % 2}\n" for i in range(3_000))
    assert detect_columns(write("x.csv", content)).id == "id"
    assert detect_columns(write("x.csv", content + "7,again,1\n")).id is None


def test_sorted_labels(write):
    content = "text,label\n" + "some words,a\n" * 3_000 + "other words,b\n" * 2_000
    assert detect_columns(write("x.csv", content)).label_values == {"a": 3_000, "b": 2_000}


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("x.csv", "", "is empty"),
        ("x.csv", "text,label\n", "has no rows"),
        ("x.jsonl", "", "has no rows"),
        ("x.csv", "a b\n1 2\n", "no delimiter"),
        ("x.csv", "a,b\n1\n", r"x\.csv, line 2: 1 column where the header has 2; .*repair"),
        ("x.csv", "a;b\n1;2\n1, 2;3;4\n", r"x\.csv, line 3: 3 columns where the header has 2"),
        ("x.csv", 'a,b\n"x, y",1\n"x, y,1\nz,"1"\n', "starts in line 3, text follows the double"),
        (
            "x.csv",
            'a,b\n"x, y",1\n"x, y,1\n',
            "opens in the row that starts in line 3 and is never",
        ),
        ("x.csv", b"text,label\n\xff,1\n", "not UTF-8"),
        ("x.parquet", b"no", r"x\.parquet cannot be read"),
        ("x.csv", "text,other\na b c,1\nd e f,1\n", "no column looks like a label"),
        ("x.csv", "label,\nb,\na,\n", "no column is left for the text"),
    ],
)
def test_hopeless_files(write, name, content, complaint):
    with pytest.raises(DataError, match=complaint):
        detect_columns(write(name, content))


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        detect_columns(tmp_path / "x.csv")


@pytest.mark.parametrize("text", [r"a \"b\" c", r"a, \"b\" c"])
def test_a_backslash_before_quotes_is_found(write, text):
    rows = "".join(f'"{text} {n}",{n % 2}\n' for n in range(6))
    source = detect_columns(write("x.csv", f"text,label\n{rows}")).source()
    assert (source.escape, source.quoting) == ("\\", True)
    assert read_source(source).columns["text"][0].as_py() == text.replace("\\", "") + " 0"


def test_a_backslash_in_a_text_is_no_escape(write):
    rows = "".join(f'"C:\\x, ""y""",{n % 2}\n' for n in range(6))
    source = detect_columns(write("x.csv", f"text,label\n{rows}")).source()
    assert (source.escape, source.quoting) == (None, True)


@pytest.mark.parametrize("last", ['"1', '"words 6 cut o', '"words 6",1\n"words 7'])
def test_a_file_that_was_cut_off_is_not_one_without_quotes(write, last):
    rows = "".join(f'"words {n}","{n % 2}"\n' for n in range(6))
    body = f"text,label\n{rows}" + (f'"words 6",{last}' if last == '"1' else last)
    with pytest.raises(DataError, match=r"never closed|same number of columns"):
        detect_columns(write("x.csv", body))


def test_all_that_a_run_would_refuse(write):
    rows = "".join(f"some words {i},{'good' if i % 2 else 'bad'}\n" for i in range(60))
    found = detect_columns(write("a.csv", f"text,label\n{rows},bad\nx,\ny,goood\n"))
    for words in (
        "row 61 (line 62): no text",
        "'' (1 row), in row 62 (line 63)",
        "row 63 (line 64) of ",
        "one slip away",
    ):
        assert words in found.problem


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["0.0", "2.5", "5.0"], "which are scores, not classes"),
        (["a", "b", "-"], "values that stand for no class: '-' (20 rows)"),
        (["a", "b", ""], "or keep the other rows only: where: {label: [a, b]}"),
        (["a", "b", "c"], ""),
        (["1.0", "2.0", "-1.0"], ""),
    ],
)
def test_labels_that_a_run_would_refuse(write, labels, problem):
    rows = "".join(f"some words {i},{labels[i % 3]}\n" for i in range(60))
    found = detect_columns(write("a.csv", "text,label\n" + rows))
    assert problem.lower() in found.problem.lower()
    assert bool(found.problem) is bool(problem)
