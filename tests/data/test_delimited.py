"""CSV and TSV: every cell as written, and the line of what is wrong."""

import csv
import gzip
import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftft.data.readers import delimited
from ftft.data.readers.delimited import Dialect, read_delimited
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


def test_rows_beyond_the_first_part(write, monkeypatch):
    monkeypatch.setattr(delimited, "_ROWS_AT_ONCE", 2)
    path = write("x.csv", "a,b\n" + "".join(f"{i},{i + 1}\n" for i in range(5)))
    assert read(path) == {"a": [*"01234"], "b": [*"12345"]}


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
    assert "the first row has 2 columns, but 'columns' names 3" in message
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


@pytest.mark.parametrize(("row", "found"), [("1", "1 column"), ("1,2,3", "3 columns")])
def test_ragged_row_names_its_line(write, row, found):
    message = problem(write("x.csv", f'a,b\n"x\ny",2\n\n{row}\n5,6\n'))
    assert f"line 5: {found} where the header has 2" in message
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


def test_long_field(write):
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


def by_the_book(text, dialect):
    """Cells as RFC 4180 has them, character by character; None where the text breaks its rules.

    As in any reader, what opens a cell and no other quote makes it an enclosed one.
    """
    rows, row, cell, state, i = [], [], "", "start", 0
    while i < len(text):
        c, i = text[i], i + 1
        ends_line = c in "\r\n"
        if c == dialect.escape and state != "closed":
            if text[i:] in ("", "\r", "\n"):  # the row was to go on
                return None
            cell, i = cell + text[i], i + 1
            state = "plain" if state == "start" else state
        elif state == "enclosed" and c == '"':
            state = "closed"
        elif state == "enclosed":
            cell += c
        elif state == "closed" and c == '"':
            cell, state = cell + c, "enclosed"
        elif c == dialect.delimiter or ends_line:
            row, cell, state = [*row, cell], "", "start" if not ends_line else "line"
            if ends_line:
                rows, row = [*rows, row], []
        elif state == "closed":
            return None
        elif c == '"' and dialect.quoting and state in ("start", "line"):
            state = "enclosed"
        else:
            cell, state = cell + c, "plain"
        if state == "line":
            i += c == "\r" and text[i : i + 1] == "\n"
            state = "start"
    if state == "enclosed":
        return None
    rows = [*rows, [*row, cell]] if row or cell or state == "closed" else rows
    return [row for row in rows if row != [""]]


def strictly(text, dialect):
    """What Python's csv makes of a text in its strict mode; None where it refuses."""
    quoting = csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE
    options = {"delimiter": dialect.delimiter, "quoting": quoting, "escapechar": dialect.escape}
    try:
        return [row for row in csv.reader(io.StringIO(text, ""), strict=True, **options) if row]
    except csv.Error:
        return None


def cells(path, dialect):
    """The two columns of a file as rows, or None where it is refused."""
    try:
        columns = read(path, "ab", dialect)
    except DataError:
        return None
    return [list(row) for row in zip(*columns.values(), strict=True)]


bodies = st.text(st.sampled_from('ab,,""\\\n\n\r '), max_size=30)
dialects = st.sampled_from(
    [CSV, Dialect(",", quoting=False), Dialect(",", escape="\\"), Dialect(",", False, None, "\\")]
)


@settings(same_file, max_examples=1_000)
@given(body=bodies, dialect=dialects)
def test_python_and_the_book_read_the_same_of_anything(tmp_path_factory, body, dialect):
    path = _shared(tmp_path_factory)
    path.write_bytes(f"a,b\n{body}".encode())
    found = cells(path, dialect)
    for rows in (strictly(body, dialect), by_the_book(body, dialect)):
        even = rows is not None and all(len(row) == 2 for row in rows)
        # `""` alone in a line is a row of one empty cell to one and no row to the other.
        if '""' not in body.splitlines():
            assert found == (rows if even else None)


@settings(same_file, max_examples=300)
@given(body=bodies)
def test_what_is_read_is_what_arrow_reads(tmp_path_factory, body):
    path = _shared(tmp_path_factory)
    path.write_bytes(f"a,b\n{body}".encode())
    found = cells(path, CSV)
    if found:  # what is refused here, arrow may take
        text = pa_csv.ConvertOptions(column_types={"a": pa.string(), "b": pa.string()})
        parse = pa_csv.ParseOptions(newlines_in_values=True)
        table = pa_csv.read_csv(path, parse_options=parse, convert_options=text)
        assert found == [list(row.values()) for row in table.to_pylist()]


@settings(same_file, max_examples=100)
@given(rows=rows, ending=st.sampled_from(["\n", "\r\n"]), escape=st.sampled_from([None, "\\"]))
def test_no_beginning_of_a_file_ends_inside_a_cell(tmp_path_factory, rows, ending, escape):
    out = io.StringIO(newline="")
    style = {"quoting": csv.QUOTE_ALL, "escapechar": escape, "doublequote": escape is None}
    csv.writer(out, lineterminator=ending, **style).writerows([("a", "b", "c"), *rows])
    path, text = _shared(tmp_path_factory), out.getvalue()
    for length in range(len(text)):
        path.write_text(text[:length], encoding="utf-8", newline="")
        try:
            found = list(zip(*read(path, "abc", Dialect(",", escape=escape)).values(), strict=True))
        except DataError:
            continue
        # Between two cells, or two quotes that stand for one, a row of text[:length] is whole.
        whole = max(0, len(found) - text[:length].endswith((",", '"')))
        assert found[:whole] == rows[:whole]


@pytest.mark.parametrize("row", ['1,"2', '1,"two ""', '1,"two, or', '"1","2'])
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_a_file_that_was_cut_off_inside_its_last_cell(write, name, row):
    path = write(name, f"a,b\n3,4\n{row}")
    message = problem(path)
    assert "opens in the row that starts in line 3 and is never closed" in message
    assert "cut off" in message


def test_text_after_a_closing_quote_is_refused(write):
    message = problem(write("x.csv", 'a,b\n1,2\n"x" y,4\n'))
    assert "in the row that starts in line 3, text follows the double quote" in message


def test_quotes_escaped_by_a_backslash(write):
    path = write("x.csv", 'a,b\n"a \\"quoted\\" word, or \\\\two",2\n')
    message = problem(path)
    assert 'set escape: "\\\\".' in message
    escape = yaml.safe_load(re.search(r"escape: .*?(?=\.)", message)[0])
    assert read(path, dialect=Dialect(",", **escape)) == {
        "a": ['a "quoted" word, or \\two'],
        "b": ["2"],
    }


def test_delimiters_escaped_by_a_backslash(write):
    path = write("x.csv", "a,b\nx\\,y,2\n")
    assert 'set escape: "\\\\"' in problem(path)
    assert read(path, dialect=Dialect(",", escape="\\")) == {"a": ["x,y"], "b": ["2"]}


def _shared(factory) -> Path:
    return factory.getbasetemp() / "shared.csv"
