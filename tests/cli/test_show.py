"""The tables, and what is said of them in words, whether FTFT won or not."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from fake_runs import record, values_of
from ftft.cli.show import show_data, show_methods, show_regions, show_results
from ftft.demo.prepare import RegionTruth
from ftft.results.floor import floor_of
from ftft.results.read import results_of
from ftft.results.tables import summary_table

COST = {"erm": 1.0, "erm_budget": 0.5, "random": 0.3, "ftft": 0.5}


def results(ood=(0.8,), *, seeds=(0, 1, 2), estimated=False, **others):
    """FTFT with these scores, and other methods with theirs."""
    sets = [f"far{i}" for i in range(len(ood))]
    records = [
        record(
            method,
            seed,
            score=0.9,
            ood=dict(zip(sets, (score + seed / 100 for score in scores), strict=False)),
            parts=(0.0, COST[method], 0.0),
            seconds=1.0,
            metric="macro_f1",
        )
        for method, scores in {**others, "ftft": ood}.items()
        for seed in seeds
    ]
    for one in records:
        one["cost"]["erm_estimated"] = estimated
    return results_of(values_of(records, metric="macro_f1", sets=sets), Path("run"))


def shown(capsys, *args, **kwargs):
    show_results(results(*args, **kwargs))
    return capsys.readouterr().out


def row_of(out, name):
    line = next(line for line in out.splitlines() if f"│ {name} " in line)
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_the_terminal_says_what_the_report_says(capsys):
    from ftft.results.verdict import verdict

    given = results((0.85,), erm=(0.8,), erm_budget=(0.7,), random=(0.75,))
    show_results(given)
    out = capsys.readouterr().out
    found = verdict(given)
    assert all(line in out for line in (found.sentence, *found.remarks))
    assert "Against ERM at the same cost, the reference counted in: +15.0 points" in out
    assert "Against a random subset of the same size and budget: +10.0 points" in out


def test_one_seed_is_not_taken_for_more(capsys):
    out = shown(capsys, (0.9,), seeds=(0,), erm=(0.8,))
    assert "With one seed FTFT scores 10.0 points above ERM out of distribution at 50%" in out
    assert "±" not in out.partition("│ FTFT ")[2].partition("Scores in %")[0]


def test_a_cost_above_erms_is_said_as_it_is(capsys, monkeypatch):
    monkeypatch.setitem(COST, "ftft", 1.37)
    out = shown(capsys, erm=(0.8,))
    assert "137% of its FLOPs" in out
    assert "FLOPs as ERM" not in out  # said once


def test_erm_not_run(capsys):
    out = shown(capsys, estimated=True)
    assert "ERM was not run, so whether FTFT is better is not known." in out
    # Seconds of a training that was not run are a guess, and marked.
    assert row_of(out, "FTFT")[-2:] == ["0.50", "~0.50"]


def test_no_out_of_distribution_set(capsys):
    out = shown(capsys, (), erm=())
    assert "in distribution" in out
    assert "nothing is known about robustness" in out


def test_table(capsys):
    out = shown(capsys, (0.8, 0.6), erm=(0.7, 0.6), erm_budget=(0.6, 0.5))
    assert "tiny: macro-F1" in out
    header = next(line for line in out.splitlines() if "method" in line)
    for title in ("ID", "far0", "far1", "OOD mean", "OOD − ERM", "FLOPs / ERM"):
        assert title in header
    assert row_of(out, "ERM")[-2:] == ["1.00", "1.00"]
    assert row_of(out, "ERM at FTFT's cost")[-2:] == ["0.50", "0.50"]
    assert any(cell.startswith("+5.0") for cell in row_of(out, "FTFT"))
    assert "Against ERM at the same cost, the reference counted in: +15.0 points" in out


def test_names_are_no_markup(capsys):
    given = results(erm=(0.5,)).renamed("[red]")
    show_results(given)
    assert "[red]" in capsys.readouterr().out


def test_long_tables_are_not_cut_in_a_pipe(capsys):
    out = shown(capsys, (0.5,) * 8)
    assert "far7" in out
    assert "…" not in out


@pytest.mark.parametrize("method", ["erm", "random"])
def test_what_was_not_run_is_not_compared(capsys, method):
    out = shown(capsys, **{method: (0.7,)})
    assert "equal cost" not in out


@pytest.mark.parametrize(("seeds", "together"), [(1, "knows)"), (3, "knows; 3 seeds together)")])
def test_regions(capsys, seeds, together):
    show_regions(
        [RegionTruth("ambiguous", 40, 10, 2), RegionTruth("all", 1200, 120, 48)],
        ("rare ones", "wrong ones"),
        seeds,
    )
    out = capsys.readouterr().out
    assert f"(the generator {together}" in out
    assert "how many times their share of all examples that is" in out
    assert "rare ones" in out
    assert "wrong ones" in out
    assert "10 (25.0%, 2.5 times)" in out
    assert "1,200" in out
    assert "48 (4.0%, 1.0 times)" in out


def test_in_80_columns_no_number_is_broken_or_cut(capsys, monkeypatch):
    wide = results((0.8, 0.7), erm=(0.7, 0.6), random=(0.6, 0.5))
    monkeypatch.setattr("ftft.cli.show._PIPED_WIDTH", 80)
    show_methods(wide)
    said = capsys.readouterr().out
    drawn = [line for line in said.splitlines() if line[:1] in "┃│"]
    assert all(len(line) <= 80 for line in drawn)
    cells = [
        cell.strip() for line in drawn for cell in line.strip("┃│").replace("┃", "│").split("│")
    ]
    for row in summary_table(wide.rows, floor_of(wide.values)).lines:
        # Words may go on in the line below.
        assert all(cell in cells for cell in row[1:])
    assert "…" not in said
    assert cells.count("FTFT") == 2  # the method is named again beside the columns below
    monkeypatch.setattr("ftft.cli.show._PIPED_WIDTH", 200)
    show_methods(wide)
    assert capsys.readouterr().out.count("FTFT ") == 1


@pytest.mark.parametrize(("width", "seeds"), [(110, (0, 1, 2, 3)), (80, (0,))])
def test_the_usual_table_is_one_on_a_terminal_too(capsys, monkeypatch, width, seeds):
    """Headings on several lines, and the longest method's name, are as narrow as that needs."""
    usual = results((0.8,), seeds=seeds, erm=(0.7,), erm_budget=(0.7,), random=(0.6,))
    monkeypatch.setattr("ftft.cli.show._PIPED_WIDTH", width)
    show_methods(usual)
    said = capsys.readouterr().out
    drawn = [line for line in said.splitlines() if line[:1] in "┃│"]
    assert max(map(len, drawn)) <= width
    headings = summary_table(usual.rows, floor_of(usual.values)).headers
    lines = [line.strip("┃").split("┃") for line in drawn if line.startswith("┃")]
    joined = [" ".join(" ".join(parts).split()) for parts in zip(*lines, strict=True)]
    assert joined == list(headings)
    assert len(row_of(said, "FTFT")) == len(headings)


@pytest.mark.parametrize("names", [("no", "yes"), ()])
def test_sets_without_classes_have_no_column_of_them(capsys, names):
    rows = type("Rows", (), {"class_names": names, "__len__": lambda self: 3})()
    sets = {"dev": {"mine": rows}}
    show_data(
        SimpleNamespace(train=rows, class_names=names, evaluation_sets=sets, overlaps={"mine": 2})
    )
    out = capsys.readouterr().out
    assert ("classes" in out) == ("no, yes" in out) == bool(names)
    assert row_of(out, "mine")[-2:] == ["3", "2"]
