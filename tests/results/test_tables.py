"""Tables of runs: what they say, in every style, with names that try to break out."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from fake_runs import make_run, record
from ftft.errors import FtftError
from ftft.results.aggregate import aggregate
from ftft.results.documents import table_text
from ftft.results.floor import Floor
from ftft.results.intervals import AMOUNT, Interval
from ftft.results.tables import (
    difference_table,
    folded,
    full_caption,
    full_table,
    summary_table,
    table_caption,
)


@pytest.fixture
def rows(tmp_path):
    def make(**given):
        return aggregate(make_run(tmp_path / "run", maps=False, **given).runs)

    return make


def by_title(rows):
    table = full_table(rows)
    return [dict(zip(table.headers, line, strict=True)) for line in table.lines]


class TestCells:
    def test_each_method_has_scores_a_difference_and_a_cost(self, rows):
        made = rows()
        erm, subset, ftft = by_title(made)
        assert [erm["method"], subset["method"], ftft["method"]] == ["ERM", "random subset", "FTFT"]
        assert list(ftft) == [
            *("method", "seeds", "ID", "ood1", "ood2", "OOD mean"),
            *("ID − ERM", "OOD − ERM", "p", "FLOPs / ERM", "seconds / ERM"),
        ]
        assert erm["OOD − ERM"] == erm["p"] == "–"
        row = made[2]
        mean, low, high = (
            getattr(row.versus["erm"].ood.interval, part) * 100 for part in ("mean", "low", "high")
        )
        assert ftft["OOD − ERM"] == f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]".replace("-", "−")
        assert ftft["p"] == f"{row.versus['erm'].ood.p_value:.3f}"
        assert ftft["OOD mean"].startswith(f"{row.ood_score.mean * 100:.1f} [")
        assert ftft["ID"].startswith(f"{row.id_score.mean * 100:.1f} ± ")
        assert (ftft["FLOPs / ERM"], ftft["seconds / ERM"]) == ("0.54", "0.56")

    def test_lengths_of_what_was_selected_where_they_are_known(self, rows):
        made = rows()
        assert "tokens" not in full_caption(made)
        erm, subset, ftft = made
        known = [erm, subset, replace(ftft, tokens=Interval.of([1.5, 2.5], AMOUNT))]
        assert [line["tokens / all"] for line in by_title(known)] == ["", "", "2.00"]
        assert full_caption(known).endswith("selected examples over the mean of all.")
        assert "tokens / all" not in summary_table(known).headers

    def test_documents_have_what_the_terminal_has_and_more(self, rows):
        """The same headings, in one order, and the same lines."""
        made = rows(methods=("erm", "random", "dm", "ftft"))
        floor = Floor(0.5, {"ood1": 0.5, "ood2": 0.6})
        short, full = summary_table(made, floor), full_table(made, floor)
        assert [one for one in full.headers if one in short.headers] == list(short.headers)
        assert {*full.headers} - {*short.headers} == {"ID − ERM", "p"}
        at = full.headers.index("method")
        assert [line[at] for line in full.lines] == [line[0] for line in short.lines]
        assert "always the most frequent class" in table_text(made, "markdown", floor)

    def test_for_narrow_screens_the_main_score_is_first_and_texts_below_the_method(self, rows):
        table = summary_table(rows(methods=("erm", "random", "dm", "ftft")))
        narrow, below = folded(table)
        assert table.headers[:2] == ("method", "reference")
        assert narrow.headers[:4] == ("method", "OOD mean", "seeds", "ID")
        assert {*table.headers} - {*narrow.headers} == {"reference"}
        assert below == ("", "", "large", "small")
        for line, full in zip(narrow.lines, table.lines, strict=True):
            cells = dict(zip(table.headers, full, strict=True))
            assert line == tuple(cells[header] for header in narrow.headers)

    def test_what_all_rows_share_is_in_the_caption(self, rows):
        caption = table_caption(rows())
        assert caption.startswith(
            "experiment: tiny; main model: large; reference: small; strategy: ambiguous; "
            "fraction: 0.33; seeds: 3. Scores in %"
        )
        assert "~" not in caption

    def test_names_that_say_nothing_are_left_out_of_the_caption(self, rows):
        named = [replace(one, cell=replace(one.cell, main="main")) for one in rows()]
        caption = table_caption(named)
        assert "main model:" not in caption
        assert caption.startswith("experiment: tiny; reference: small;")

    def test_what_tells_rows_apart_has_a_column(self, rows):
        erm, dm, ftft = by_title(rows(methods=("erm", "dm", "ftft")))
        assert [erm["reference"], dm["reference"], ftft["reference"]] == ["", "large", "small"]

    def test_one_set_is_not_shown_twice(self, rows):
        headers = full_table(rows(sets=("hans",))).headers
        assert "OOD (hans)" in headers
        assert not {"hans", "OOD mean"} & set(headers)

    def test_without_ood_sets_there_is_no_such_column(self, rows):
        headers = full_table(rows(sets=())).headers
        assert not any("OOD" in header for header in headers)
        assert "ID − ERM" in headers

    def test_one_seed_has_no_intervals(self, rows):
        made = rows(seeds=(0,))
        *_, ftft = by_title(made)
        assert re.fullmatch(r"\d+\.\d", ftft["OOD mean"])
        assert re.fullmatch(r"[+−]\d+\.\d", ftft["OOD − ERM"])
        assert "p" not in ftft
        assert "p" not in difference_table(made).headers
        caption = table_caption(made)
        assert "Scores in %, differences in points, of one seed each." in caption
        assert not [word for word in ("±", "p is", "deviation", "t test") if word in caption]

    def test_several_seeds_have_p(self, rows):
        assert "p" in difference_table(rows()).headers

    def test_without_erm_there_are_no_differences_and_the_costs_are_marked(self, rows):
        cost = record("ftft", 0)["cost"] | {"erm_estimated": True}
        made = rows(methods=("ftft",), cost=cost)
        (ftft,) = by_title(made)
        assert not {"ID − ERM", "OOD − ERM", "p"} & set(ftft)
        assert ftft["seconds / ERM"] == "~0.55"
        assert "ERM was not run" in table_caption(made)

    def test_seconds_of_trainings_side_by_side_are_called_that(self, rows):
        here = record("ftft", 0)["environment"]
        found = table_caption(rows(environment={**here, "jobs": 3}))
        assert "Seconds are of trainings that ran side by side, up to 3." in found

    def test_so_are_those_of_which_nobody_knows(self, rows):
        here = record("ftft", 0)["environment"]
        found = table_caption(rows(environment={**here, "jobs": None}))
        assert "Seconds are of trainings of which it is not known whether others shared" in found

    def test_seconds_of_one_after_the_other_need_no_word(self, rows):
        assert "side by side" not in table_caption(rows())

    def test_sets_of_several_runs_are_all_there(self, tmp_path):
        one = make_run(tmp_path / "one", name="one", sets=("a", "b"), maps=False)
        two = make_run(tmp_path / "two", name="two", sets=("b", "c"), maps=False)
        lines = by_title(aggregate([*one.runs, *two.runs]))
        assert lines[0]["experiment"] == "one"
        assert lines[0]["c"] == "–"
        assert lines[-1]["a"] == "–"
        assert lines[-1]["c"] != "–"


class TestMarkdown:
    def test_a_table_with_numbers_to_the_right(self, rows):
        lines = table_text(rows(), "markdown").splitlines()
        assert lines[0].startswith("| method | seeds | ID |")
        assert lines[1].startswith("| :--- | ---: | ---: |")
        assert lines[4].startswith("| FTFT | ")
        assert {line.count("|") for line in lines[:5]} == {12}
        assert lines[5] == ""
        assert lines[6].startswith("experiment: tiny")

    def test_names_stay_in_their_cells(self, rows):
        text = table_text(rows(sets=("a|b", "<script>x</script>", "*c*\n# d")), "markdown")
        header, rule, *_ = text.splitlines()
        assert r"| a\|b | &lt;script&gt;x&lt;/script&gt; | \*c\* # d |" in header
        assert len(re.findall(r"(?<!\\)\|", header)) == len(re.findall(r"\|", rule))


class TestLatex:
    def test_a_booktabs_table(self, rows):
        text = table_text(rows(), "latex")
        assert r"\begin{tabular}{lrrrrrrrrrr}" in text
        assert text.count(r"\\") == 4
        for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
            assert text.count(rule) == 1
        assert text.isascii()

    def test_names_are_inert(self, rows):
        text = table_text(rows(main=r"a\input{x}_%&#$^~", sets=("x_1", "y&z")), "latex")
        expected = r"a\textbackslash{}input\{x\}\_\%\&\#\$\textasciicircum{}$\sim$"
        assert expected in text
        assert r"x\_1 & y\&z" in text

    @pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
    def test_latex_takes_it(self, rows, tmp_path):
        table = table_text(rows(main=r"a\input{x}_%&#$^~|<>", sets=("x_1", "y&z")), "latex")
        document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + "\n"
        (tmp_path / "t.tex").write_text(document + table + r"\end{document}", encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


class TestCsv:
    def test_raw_numbers_that_can_be_read_back(self, rows):
        made = rows()
        lines = list(csv.DictReader(io.StringIO(table_text(made, "csv"))))
        assert [line["method"] for line in lines] == ["erm", "random", "ftft"]
        assert lines[2]["seeds"] == "0 1 2"
        assert float(lines[2]["ood_mean"]) == made[2].ood_score.mean
        assert float(lines[2]["ood_set_ood1_low"]) == made[2].ood_scores["ood1"].low
        assert float(lines[2]["ood_versus_erm_p"]) == made[2].versus["erm"].ood.p_value
        assert float(lines[2]["flops_over_erm_mean"]) == pytest.approx(0.53 * 1.01)
        assert lines[0]["ood_versus_erm_mean"] == lines[0]["reference"] == ""

    def test_formulas_are_inert(self, rows):
        text = table_text(rows(main="=1+1", sets=("@SUM(A1)", "x")), "csv")
        header, *lines = csv.reader(io.StringIO(text))
        assert {line[header.index("main")] for line in lines} == {"'=1+1"}

    def test_without_erm_nothing_is_missing(self, rows):
        (line,) = csv.DictReader(io.StringIO(table_text(rows(methods=("ftft",)), "csv")))
        assert line["id_versus_erm_mean"] == ""


@pytest.mark.parametrize("style", ["markdown", "latex", "csv"])
def test_no_rows_is_an_error(style):
    with pytest.raises(FtftError, match="no runs to make a table of"):
        table_text([], style)
