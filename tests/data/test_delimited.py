"""CSV and TSV: every cell as written, and the line of what is wrong."""

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftft.data import delimited
from ftft.data.delimited import Dialect, read_delimited
from ftft.errors import DataError

CSV = Dialect(",")
TSV = Dialect("\t", quoting=False)

# One file that is written anew for every example of hypothesis is as good as many.
same_file = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(path, wanted="ab", dialect=CSV):
    return read_delimited(path, dialect, list(wanted)).to_pydict()


def problem(path, dialect=CSV, wanted="ab"):
    with pytest.raises(DataError) as caught:
        read(path, wanted, dialect)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_types_are_not_guessed(write):
    path = write("x.csv", "a,b\n007,1.0\n2020-01-01,NA\ntrue,\n")
    assert read(path) == {"a": ["007", "2020-01-01", "true"], "b": ["1.0", "NA", ""]}


def test_columns_come_in_the_order_asked_for(write):
    path = write("x.csv", "a,b,c\n1,2,3\n")
    assert list(read(path, "ca")) == ["c", "a"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_quotes_hold_delimiters_quotes_and_line_breaks(write, ending):
    path = write("x.csv", ending.join(["a,b", f'"x, ""y""{ending}z",2', "3,4", ""]))
    assert read(path) == {"a": [f'x, "y"{ending}z', "3"], "b": ["2", "4"]}


def test_without_quoting_quotes_are_text(write):
    path = write("x.tsv", 'a\tb\n"x\ty"\n""\tz\n')
    assert read(path, dialect=TSV) == {"a": ['"x', '""'], "b": ['y"', "z"]}


def test_byte_order_mark_is_not_part_of_the_first_name(write):
    path = write("x.csv", b"\xef\xbb\xbfa,b\n1,2\n")
    assert read(path) == {"a": ["1"], "b": ["2"]}


def test_compressed_file_in_several_members(write):
    path = write("x.csv.gz", "a,b\n1,2\n")
    path.write_bytes(path.read_bytes() + gzip.compress(b"3,4\n"))
    assert read(path) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_blank_lines_are_skipped(write):
    path = write("x.csv", "\n\na,b\n\n1,2\n\n\n3,4\n\n")
    assert read(path) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_header_over_two_lines(write):
    assert read(write("x.csv", '"a\nx",b\n1,2\n'), ["b"]) == {"b": ["2"]}


def test_without_header_the_first_row_is_data(write):
    dialect = Dialect("\t", quoting=False, columns=("a", "b"))
    assert read(write("x.tsv", "1\t2\n3\t4"), dialect=dialect) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_number_of_named_columns_must_fit(write):
    message = problem(write("x.csv", "1,2\n"), Dialect(",", columns=("a", "b", "c")), "a")
    assert "the first row has 2 column(s), but 'columns' names 3" in message
    other = problem(write("x.csv", "1;2\n"), Dialect(",", columns=("a", "b")))
    assert "Is the 'delimiter' right?" in other


def test_missing_column_names_the_nearest(write):
    message = problem(write("x.csv", "a,Label \n1,2\n"), wanted=["label"])
    assert "no column 'label'. Did you mean 'Label '?" in message
    assert "The columns are: 'a', 'Label '" in message


def test_wrong_delimiter_is_suspected(write):
    assert "is the 'delimiter' right" in problem(write("x.csv", "a;b\n1;2\n"))


def test_repeated_name_matters_only_where_it_is_wanted(write):
    path = write("x.csv", "a,c,c,b\n1,2,3,4\n")
    assert read(path) == {"a": ["1"], "b": ["4"]}
    assert "names 2 columns 'c'" in problem(path, wanted="c")


@pytest.mark.parametrize("content", ["", "\n", "\n\n", b"\xef\xbb\xbf"])
def test_empty_file(write, content):
    assert "is empty" in problem(write("x.csv", content))


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "a,b\r\n\r\n"])
def test_header_alone_gives_no_rows(write, content):
    assert read(write("x.csv", content)) == {"a": [], "b": []}


@pytest.mark.parametrize(("row", "found"), [("1", 1), ("1,2,3", 3)])
def test_ragged_row_names_its_line(write, row, found):
    message = problem(write("x.csv", f'a,b\n"x\ny",2\n\n{row}\n5,6\n'))
    assert f"line 5: {found} columns where the header has 2" in message
    assert "quoting: false" in message


def test_ragged_row_without_quoting_suggests_quoting(write):
    assert "set quoting: true" in problem(write("x.tsv", "a\tb\n1\n"), TSV)


@pytest.mark.parametrize("row", ['1,"2', '1,"2\n5,6\n7,8\n'])
def test_quote_never_closed(write, row):
    path = write("x.csv", f"a,b\n3,4\n{row}\n")
    assert "opens in the row that starts in line 3 and is never closed" in problem(path)


def test_last_cell_with_a_line_break_is_fine(write):
    assert read(write("x.csv", 'a,b\n1,"2\n3"\n')) == {"a": ["1"], "b": ["2\n3"]}


def test_not_utf8_names_line_and_byte(write):
    message = problem(write("x.csv", b"a,b\n1,2\n3,caf\xe9\n"))
    assert "line 3: byte 13 (0xe9) is not UTF-8" in message
    assert "iconv" in message


def test_not_utf8_far_from_the_head(write):
    path = write("x.csv", b"a,b\n" + b"1,2\n" * 10_000 + b"1,\xff\n")
    assert "line 10,002: byte 40,006 (0xff)" in problem(path)


def test_utf16_is_recognised(write):
    assert "UTF-16" in problem(write("x.csv", "a,b\n1,2\n".encode("utf-16")))


def test_compressed_file_without_the_suffix_is_recognised(write):
    assert "must end in .gz" in problem(write("x.csv", gzip.compress(b"a,b\n1,2\n")))


def test_errors_quote_no_text(write):
    secret = "never show this"
    for content in (f"a,b\n{secret}\n", f'a,b\n1,"{secret}\n', f"a,b\n{secret},\xff"):
        raw = content.encode("latin-1")
        assert secret not in problem(write("x.csv", raw))


def test_field_longer_than_a_block(write, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 1_000)
    long = "x" * 300_000
    assert read(write("x.csv", f"a,b\n1,{long}\n2,3\n")) == {"a": ["1", "2"], "b": [long, "3"]}
    assert csv.field_size_limit() == 131_072  # the csv module's limit is as it was


nasty = st.text(st.sampled_from('ab ,;"\t\n\r\0’é😀\u2028\x85\ufeff'), max_size=12)
rows = st.lists(st.tuples(nasty, nasty, nasty), min_size=1, max_size=8)


@same_file
@given(rows=rows, ending=st.sampled_from(["\n", "\r\n"]), bom=st.booleans())
def test_what_python_writes_comes_back(tmp_path_factory, rows, ending, bom):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(
        [("a", "b", "c"), *rows]
    )
    path = _shared(tmp_path_factory)
    path.write_bytes(out.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    assert read(path, "abc") == dict(zip("abc", map(list, zip(*rows, strict=True)), strict=True))


@same_file
@given(body=st.text(st.sampled_from('ab,,"\n\n\r '), max_size=30), quoting=st.booleans())
def test_both_readers_agree_on_anything(tmp_path_factory, body, quoting):
    path = _shared(tmp_path_factory)
    path.write_bytes(f"a,b\n{body}".encode())
    dialect = Dialect(",", quoting)
    head = delimited._Head(["a", "b"], 1)
    try:
        fast = delimited._read_fast(path, dialect, head, ["a", "b"])
        slow = delimited._read_slow(path, dialect, head, ["a", "b"])
    except (pa.ArrowInvalid, DataError):
        return  # the slow reader has the last word
    assert fast is None or fast.to_pydict() == slow.to_pydict()


def _shared(factory) -> Path:
    return factory.getbasetemp() / "shared.csv"
