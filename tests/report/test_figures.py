"""Pictures of maps and runs: what they show is what the data say; files as for papers."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from matplotlib.container import BarContainer

from fake_runs import Made, made_record, made_values, make_map, make_run, record, write_values
from ftft.cartography.datamap import AMBIGUOUS, REGIONS, DataMap
from ftft.dynamics.container import TrainingDynamics
from ftft.errors import DynamicsError, FtftError, WorkspaceError
from ftft.report.figures import (
    draw_cost,
    draw_curves,
    draw_map,
    draw_overlaps,
    draw_pareto,
    draw_selection,
    overlap_matrix,
    write_figure,
    write_figures,
)
from ftft.results.aggregate import aggregate, by_cell, cell_names
from ftft.results.read import read_run
from ftft.selection.strategies import select
from ftft.transfer.agreement import agreement


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run", methods=("erm", "random", "dm", "ftft"), seeds=(0, 1))


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


class TestMap:
    def test_every_example_is_where_the_map_says(self):
        datamap = make_map()
        axes = draw_map(datamap).axes[0]
        drawn = np.concatenate([points.get_offsets() for points in axes.collections])
        expected = np.column_stack([datamap.variability, datamap.confidence])
        assert sorted(map(tuple, drawn.tolist())) == sorted(map(tuple, expected.tolist()))

    def test_colours_and_markers_are_by_correctness(self):
        datamap = make_map()
        axes = draw_map(datamap).axes[0]
        sizes = sorted(len(points.get_offsets()) for points in axes.collections)
        levels = np.rint(datamap.correctness * 5).astype(int)
        assert sizes == sorted(np.bincount(levels, minlength=6).tolist())
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert legend == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        colours = {tuple(points.get_facecolor()[0]) for points in axes.collections}
        assert len(colours) == 6

    def test_regions_are_named_with_their_shares_and_borders(self):
        datamap = make_map()
        figure = draw_map(datamap)
        for code, region in enumerate(REGIONS):
            share = (datamap.region_code == code).mean()
            assert f"{region} {share:.0%}" in texts(figure)
        border = figure.axes[0].lines[0].get_xdata()[0]
        ambiguous = datamap.region == AMBIGUOUS
        assert border == datamap.variability[ambiguous].min()
        assert datamap.variability[~ambiguous].max() <= border

    def test_distributions_are_densities_of_all_examples(self):
        _, *sides = draw_map(make_map()).axes
        assert [axes.get_xlabel() for axes in sides] == ["confidence", "variability", "correctness"]
        for axes in sides:
            area = sum(bar.get_height() * bar.get_width() for bar in axes.patches) / 0.92
            assert area == pytest.approx(1)

    def test_of_a_large_map_a_sample_is_drawn_and_that_is_said(self):
        datamap = make_map(examples=30_000)
        axes = draw_map(datamap, "large").axes[0]
        assert sum(len(points.get_offsets()) for points in axes.collections) == 25_000
        assert axes.get_title() == "large (25,000 of 30,000 examples, drawn at random)"

    @pytest.mark.parametrize(("examples", "epochs"), [(1, 2), (2, 2), (3, 40)])
    def test_the_smallest_maps_are_drawn(self, examples, epochs, tmp_path):
        logits = np.zeros((epochs, examples, 2))
        dynamics = TrainingDynamics.from_arrays(logits, np.zeros(examples, dtype=int))
        for fraction in (0.33, 1.0):
            drawn = draw_map(DataMap.from_dynamics(dynamics, region_fraction=fraction, burn_in=0))
        write_figure(drawn, tmp_path / "map.png")


class TestOverlaps:
    def test_each_pair_has_the_overlap_of_its_agreement(self):
        maps = [make_map(seed) for seed in range(3)]
        shared, chance = overlap_matrix(maps, 0.2)
        found = agreement(maps[0], maps[2], 0.2).overlaps[AMBIGUOUS]
        assert shared[0, 2] == shared[2, 0] == found.shared
        assert chance == found.chance
        assert (np.diag(shared) == 1).all()
        shown = texts(draw_overlaps(["a", "b", "c"], shared, chance))
        assert shown.count(f"{found.shared:.0%}") >= 2
        assert "ambiguous in common\n(by chance 20%)" in shown

    def test_one_map_is_not_enough(self):
        with pytest.raises(FtftError, match="at least two"):
            overlap_matrix([make_map()])


class TestRuns:
    def test_every_seed_and_every_mean_is_in_the_pareto_picture(self, run):
        axes = draw_pareto([run]).axes[0]
        marks = {
            (round(x, 6), round(y, 6))
            for line in axes.lines
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
            if line.get_marker() in "os^v"
        }
        for one in run.runs:
            assert (round(one.flops, 6), round(one.ood_score * 100, 6)) in marks
        for row in aggregate(run.runs):
            assert (round(row.flops.mean, 6), round(row.ood_score.mean * 100, 6)) in marks
        assert axes.get_ylabel() == "OOD test accuracy (%)"

    def test_without_ood_sets_the_score_is_in_distribution(self, tmp_path):
        run = make_run(tmp_path / "id", sets=(), maps=False)
        assert draw_pareto([run]).axes[0].get_ylabel() == "ID test accuracy (%)"

    def test_experiments_have_panels_of_their_own(self, run, tmp_path):
        other = make_run(tmp_path / "other", name="other", maps=False)
        assert [axes.get_title() for axes in draw_pareto([run, other]).axes] == ["tiny", "other"]
        assert len(draw_curves([run, other]).axes) == 4

    def test_many_references_are_distinguished(self, tmp_path):
        entries = [made_record(Made(), "ftft", reference=f"small-{n}") for n in range(8)]
        values = made_values(Made()) | {"runs": entries}
        run = read_run(write_values(tmp_path, values))
        pareto, curves = draw_pareto([run]).axes[0], draw_curves([run]).axes[0]
        large = [line for line in pareto.lines if line.get_markersize() == 8]
        assert len({(line.get_marker(), line.get_fillstyle()) for line in large}) == 8
        # Matplotlib tells dashes of one's own by a private name only.
        thick = [line for line in curves.lines if line.get_linewidth() == 1.8]
        assert len({str(line._unscaled_dash_pattern) for line in thick}) == 8
        for figure in (draw_pareto([run]), draw_curves([run])):
            figure.draw_without_rendering()
            axes = figure.axes[0]
            legend, panel = axes.get_legend().get_window_extent(), axes.get_window_extent()
            assert legend.y1 < panel.y0
            assert legend.y0 >= 0

    def test_few_have_their_legend_among_the_marks(self, run):
        figure = draw_pareto([run])
        figure.draw_without_rendering()
        axes = figure.axes[0]
        assert axes.get_legend().get_window_extent().y0 > axes.get_window_extent().y0

    def test_where_only_another_experiment_has_ood_sets_no_panel_is_drawn(self, run, tmp_path):
        other = make_run(tmp_path / "other", name="other", maps=False)
        values = json.loads((other.folder / "results.json").read_text())
        values["data"]["sets"]["dev_ood"] = {}
        (other.folder / "results.json").write_text(json.dumps(values))
        drawn = draw_curves([run, read_run(other.folder)]).axes
        assert [axes.axison for axes in drawn] == [True, True, True, False]

    def test_a_learning_curve_ends_at_the_cost_of_its_run(self, run):
        costs = [run.flops for run in run.runs] + [row.flops.mean for row in run.rows]
        for axes in draw_curves([run]).axes:
            ends = {round(line.get_xdata()[-1], 6) for line in axes.lines if len(line.get_xdata())}
            assert ends == {round(cost, 6) for cost in costs}

    def test_a_learning_curve_starts_when_the_reference_is_paid(self, run):
        axes = draw_curves([run]).axes[0]
        starts = {line.get_label(): line.get_xdata()[0] for line in axes.lines}
        assert starts["DM"] > 1.0
        # 0.25 for the reference, and 10 of 40 steps of the rest; the second seed costs 1% more.
        assert starts["FTFT"] == pytest.approx(1.005 * (0.25 + 0.28 / 4))

    def test_the_parts_of_a_cost_add_up(self, run):
        axes = draw_cost([run]).axes[0]
        ends = [bar.get_x() + bar.get_width() for bar in axes.containers[-1]]
        assert ends == pytest.approx([1.0, 1.005 * 0.27, 1.005 * 2.0, 1.005 * 0.53])
        assert [tick.get_text() for tick in axes.get_yticklabels()] == [
            *("ERM", "random subset", "DM", "FTFT")
        ]
        assert "FLOPs, of ERM's total" in texts(draw_cost([run]))

    def test_a_computed_cost_is_called_so(self, tmp_path):
        cost = record("ftft", 0)["cost"] | {"erm_estimated": True}
        run = make_run(tmp_path / "no-erm", methods=("ftft",), cost=cost, maps=False)
        assert any("computed, ERM was not run" in text for text in texts(draw_cost([run])))

    def test_folders_that_differ_in_something_else_are_distinguished(self, run, tmp_path):
        other = make_run(tmp_path / "half", methods=("ftft",), seeds=(0, 1), maps=False)
        rows = aggregate([*run.runs, *other.runs])
        assert [row.cell.variant for row in rows] == ["", "", "", "run", "half"]
        names = cell_names([row.cell for row in rows])
        assert list(names.values()) == ["ERM", "random subset", "DM", "FTFT, run", "FTFT, half"]
        assert [len(runs) for runs in by_cell([*run.runs, *other.runs]).values()] == [2] * 5

    def test_more_seeds_of_the_same_experiment_are_put_together(self, run, tmp_path):
        more = make_run(tmp_path / "more", methods=("ftft",), seeds=(2, 3), maps=False)
        *_, ftft = aggregate([*run.runs, *more.runs])
        assert ftft.seeds == (0, 1, 2, 3)


class TestSelection:
    def test_bars_are_the_shares_by_label_and_region(self):
        maps = [make_map(seed) for seed in range(2)]
        chosen = [select(datamap, "ambiguous", 0.33) for datamap in maps]
        labels, regions = draw_selection(maps, chosen).axes
        whole, selected = (one for one in regions.containers if isinstance(one, BarContainer))
        assert [bar.get_width() for bar in selected] == [0, 1, 0]
        share = np.mean([(one.region_code == 1).mean() for one in maps])
        assert whole[1].get_width() == pytest.approx(share)
        ticks = [tick.get_text() for tick in labels.get_yticklabels()]
        assert ticks == ["no", "yes"]

    def test_of_many_labels_the_rarest_are_left_out(self):
        classes = tuple(f"class {number}" for number in range(25))
        datamap = make_map(classes=classes)
        labels, _ = draw_selection([datamap], [select(datamap, "ambiguous", 0.33)]).axes
        assert labels.get_title() == "by label (5 rarer ones left out)"

    def test_a_selection_from_another_map_is_an_error(self):
        chosen = select(make_map(examples=400), "random", 1.0)
        with pytest.raises(DynamicsError, match="holds the example 'ex-3"):
            draw_selection([make_map()], [chosen])


class TestFiles:
    def test_every_picture_in_every_format_the_same_bytes_each_time(self, run, tmp_path):
        before = dict(matplotlib.rcParams)
        written = write_figures([run], tmp_path / "out")
        assert dict(matplotlib.rcParams) == before
        names = [*("pareto", "curves", "cost", "map-seed-0", "map-seed-1", "selection", "overlaps")]
        assert written == [
            tmp_path / "out" / f"{name}.{kind}" for name in names for kind in ("png", "svg")
        ]
        assert sorted((tmp_path / "out").iterdir()) == sorted(written)
        for path in written:
            if path.suffix == ".png":
                assert path.read_bytes().startswith(b"\x89PNG\r\n")
            else:
                assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
                assert "dc:date" not in path.read_text(encoding="utf-8")
        again = write_figures([run], tmp_path / "again", formats=("svg",))
        first = [path for path in written if path.suffix == ".svg"]
        assert [path.read_bytes() for path in again] == [path.read_bytes() for path in first]

    def test_names_of_several_runs_come_first(self, tmp_path):
        run = make_run(tmp_path / "one", methods=("ftft",), seeds=(0,))
        other = make_run(tmp_path / "other", methods=("ftft",), name="other", seeds=(0,))
        written = write_figures([run, other], tmp_path / "out", formats=("png",))
        assert [path.stem for path in written] == [
            *("pareto", "curves", "cost"),
            *("one-map-seed-0", "one-selection"),
            *("other-map-seed-0", "other-selection", "overlaps"),
        ]

    def test_what_is_there_is_not_replaced_unasked(self, tmp_path):
        run = make_run(tmp_path / "run", maps=False)
        (tmp_path / "cost.png").write_text("mine")
        with pytest.raises(WorkspaceError, match=r"cost\.png already exists"):
            write_figures([run], tmp_path, formats=("png",))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["cost.png", "run"]
        assert (tmp_path / "cost.png").read_text() == "mine"
        write_figures([run], tmp_path, formats=("png",), overwrite=True)
        assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize("formats", [("pdf",), ()])
    def test_other_formats_are_refused(self, run, tmp_path, formats):
        with pytest.raises(FtftError, match="the formats are png and svg"):
            write_figures([run], tmp_path / "out", formats=formats)

    def test_no_runs_is_an_error(self, tmp_path):
        with pytest.raises(FtftError, match="no runs to draw"):
            write_figures([], tmp_path)

    def test_a_damaged_map_is_named(self, run, tmp_path):
        path = run.folder / "map" / "seed-0" / "map.parquet"
        path.write_bytes(b"nonsense")
        with pytest.raises(DynamicsError, match=r"map\.parquet is not a readable map"):
            write_figures([run], tmp_path / "out")

    def test_names_from_files_are_only_text(self, tmp_path):
        nasty = r"<script>alert(1)</script> $\frac{1}$ _x_ & 5$"
        run = make_run(tmp_path / "run", main=nasty, name="tiny", sets=("x",), maps=False)
        other = make_run(tmp_path / "other", main="plain", name="tiny", sets=("x",), maps=False)
        (path,) = (
            one
            for one in write_figures([run, other], tmp_path / "out", formats=("svg",))
            if one.stem == "pareto"
        )
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert r"\frac{1}$ _x_ &amp; 5$" in text

    def test_no_window_system_is_loaded(self):
        code = (
            "import sys, ftft.report.figures; "
            "assert not {'matplotlib.pyplot', 'torch', 'transformers'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
