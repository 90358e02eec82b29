"""The tables, and what is said of them in words, whether FTFT won or not."""

from pathlib import Path

import pytest

from ftft.cli.show import show_regions, show_results, verdict
from ftft.demonstration import RegionTruth
from ftft.results import MethodSummary, Results, Spread


def summary(method="ftft", *, ood=(0.8,), flops=0.5, seeds=3, estimated=False):
    return MethodSummary(
        method=method,
        name=method.upper(),
        seeds=seeds,
        id_score=Spread(0.9, 0.011, seeds),
        ood_scores={f"far{i}": Spread(score, 0.02, seeds) for i, score in enumerate(ood)},
        cost_flops=Spread(flops, 0.0, seeds),
        cost_seconds=Spread(flops, 0.0, seeds),
        cost_estimated=estimated,
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (0.85, 0.8, "Its OOD score is 5.0 points better than ERM's (mean of 3 seeds)."),
        (0.712, 0.8, "Its OOD score is 8.8 points worse than ERM's (mean of 3 seeds)."),
        (0.8, 0.8, "Its OOD score is equal to ERM's (mean of 3 seeds)."),
        (0.80004, 0.8, "Its OOD score is equal to ERM's (mean of 3 seeds)."),
    ],
)
def test_out_of_distribution(ours, theirs, expected):
    lines = verdict([summary("erm", ood=(theirs,), flops=1.0), summary(ood=(ours,))])
    assert lines == ["FTFT cost 50% of ERM's FLOPs, the reference counted in.", expected]


def test_one_seed_is_not_taken_for_more():
    lines = verdict([summary("erm", seeds=1), summary(ood=(0.9,), seeds=1)])
    assert lines[-1].endswith("better than ERM's (one seed: noise included).")


def test_a_cost_above_erms_is_said_as_it_is():
    assert verdict([summary(flops=1.37)])[0].startswith("FTFT cost 137% of ERM's FLOPs")


def test_erm_not_run():
    lines = verdict([summary(estimated=True)])
    assert lines[1] == "ERM was not run: its FLOPs are computed, its seconds estimated."
    assert len(lines) == 2


def test_the_random_subset_is_named_too():
    lines = verdict([summary("erm", ood=(0.85,)), summary("random", ood=(0.745,)), summary()])
    assert (
        lines[-1] == "It is 5.5 points better than that of a random subset of its size and budget."
    )


def test_no_out_of_distribution_set():
    assert len(verdict([summary("erm", ood=()), summary(ood=())])) == 1


def results(*summaries):
    values = {"experiment": "tiny", "metric": "macro_f1"}
    return Results(values, summaries, ("test",), Path("run/results.json"))


def test_table(capsys):
    show_results(results(summary("erm", ood=(0.7, 0.6)), summary(ood=(0.8, 0.6), estimated=True)))
    out = capsys.readouterr().out
    assert "tiny: macro-f1, mean ± standard deviation in %" in out
    header = next(line for line in out.splitlines() if "method" in line)
    for title in ("seeds", "ID (test)", "far0", "far1", "OOD mean", "FLOPs / ERM"):
        assert title in header
    erm, ftft = (
        next(li for li in out.splitlines() if f"│ {name} " in li) for name in ("ERM", "FTFT")
    )
    assert [cell.strip() for cell in erm.split("│")[1:-1]] == [
        *("ERM", "3", "90.0 ± 1.1", "70.0 ± 2.0", "60.0 ± 2.0", "65.0", "0.50", "0.50")
    ]
    # Seconds of a training that was not run are a guess, and marked.
    assert [cell.strip() for cell in ftft.split("│")[6:-1]] == ["70.0", "0.50", "~0.50"]


def test_one_seed_has_no_deviation(capsys):
    show_results(results(summary(seeds=1)))
    assert "±" not in capsys.readouterr().out.partition("\n")[2]


def test_names_are_no_markup(capsys):
    one = summary()
    named = MethodSummary(**{**vars(one), "ood_scores": {"[red]": Spread(0.5, 0.0, 1)}})
    show_results(results(named))
    assert "[red]" in capsys.readouterr().out


def test_long_tables_are_not_cut_in_a_pipe(capsys):
    show_results(results(summary(ood=(0.5,) * 8)))
    out = capsys.readouterr().out
    assert "far7" in out
    assert "…" not in out


def test_regions(capsys):
    show_regions([RegionTruth("ambiguous", 40, 10, 2), RegionTruth("all", 1200, 120, 48)])
    out = capsys.readouterr().out
    assert "10 (25.0%)" in out
    assert "1,200" in out
    assert "48 (4.0%)" in out
