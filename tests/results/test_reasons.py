"""The verdict's reasons: the reference, the most frequent class, and what ERM had by then."""

import csv
import io
from pathlib import Path

import pytest

from fake_runs import record, values_of
from ftft.results.documents import table_text
from ftft.results.floor import floor_of
from ftft.results.read import results_of
from ftft.results.tables import summary_table
from ftft.results.verdict import verdict, verdicts

ERM_CURVE = [(30, {"dev": 0.5}), (60, {"dev": 0.7}), (120, {"dev": 0.75})]


def made(*, preflight=None, ood=0.8, sets=("far",), floors=None, dev=0.7, metric="accuracy"):
    far = dict.fromkeys(sets, ood)
    runs = [
        record("erm", ood=far, curve=ERM_CURVE, steps=120, metric=metric),
        record("ftft", ood=far, curve=[(40, {"dev": dev})], preflight=preflight, metric=metric),
    ]
    values = values_of(runs, sets=sets, metric=metric)
    floors = {"dev": 0.5, "test": 0.55, **dict.fromkeys(sets, 0.6)} if floors is None else floors
    values["data"]["floors"] = floors
    return results_of(values, Path("run"))


def said(found):
    return " ".join(verdict(found).remarks)


class TestTheUnitOfTheCost:
    def test_is_said_with_the_seconds_beside_it(self):
        sentence = verdict(made()).sentence
        assert "at 53% of its FLOPs (55% of its seconds)" in sentence

    def test_seconds_that_were_not_measured_are_not(self):
        cost = record("ftft")["cost"] | {"erm_estimated": True}
        runs = [record("erm", ood={"far": 0.7}), record("ftft", ood={"far": 0.8}, cost=cost)]
        sentence = verdict(results_of(values_of(runs), Path("run"))).sentence
        assert "of its FLOPs;" in sentence
        assert "seconds" not in sentence


class TestTheReferenceAlone:
    def line(self, **changes):
        cost = record("ftft")["cost"] | {"reference_alone": {"flops": 0.26, "seconds": 0.3}}
        cost |= changes.pop("cost", {})
        ftft = record("ftft", ood={"far": 0.8}, cost=cost)
        ftft["scores"]["reference_dev"] = {"dev": {"accuracy": 0.61}}
        found = results_of(values_of([record("erm", ood={"far": 0.8}), ftft]), Path("run"))
        self.rows = found.rows
        table = summary_table(found.rows)
        return dict(zip(table.headers, table.lines[-1], strict=True))

    def test_is_in_tables_for_documents_too(self):
        self.line()
        assert "the reference alone, on development data" in table_text(self.rows, "markdown")
        assert "the reference alone, on development data" in table_text(self.rows, "latex")
        erm, ftft = csv.DictReader(io.StringIO(table_text(self.rows, "csv")))
        assert float(ftft["reference_alone_dev_mean"]) == pytest.approx(0.61)
        assert float(ftft["reference_alone_flops_over_erm_mean"]) == pytest.approx(0.26)
        assert erm["reference_alone_dev_mean"] == ""

    def test_has_a_line_with_its_development_score_and_cost(self):
        line = self.line()
        assert line["method"] == "the reference alone, on development data"
        assert (line["ID"], line["OOD (far)"]) == ("61.0", "–")
        assert (line["FLOPs / ERM"], line["seconds / ERM"]) == ("0.26", "0.30")

    def test_seconds_that_were_not_measured_are_marked(self):
        assert self.line(cost={"erm_estimated": True})["seconds / ERM"] == "~0.30"

    def test_not_where_a_file_says_nothing_of_it(self):
        found = made()
        assert len(summary_table(found.rows).lines) == len(found.rows)

    def test_several_references_have_a_line_each_and_one_of_several_cells_one(self):
        runs = [record("erm", ood={"far": 0.8})]
        for reference, strategy in (("a", "ambiguous"), ("b", "ambiguous"), ("a", "random")):
            one = record("ftft", ood={"far": 0.8}, reference=reference, strategy=strategy)
            one["cost"]["reference_alone"] = {"flops": 0.1, "seconds": 0.1}
            one["scores"]["reference_dev"] = {"dev": {"accuracy": 0.5}}
            runs.append(one)
        table = summary_table(results_of(values_of(runs), Path("run")).rows)
        at = table.headers.index("reference")
        assert [line[at] for line in table.lines if line[0].startswith("the ref")] == ["a", "b"]


class TestTheMostFrequentClass:
    def test_has_a_line_of_its_own(self):
        found = made(sets=("far",))
        table = summary_table(found.rows, floor_of(found.values))
        assert len(table.lines) == len(found.rows) + 1
        line = dict(zip(table.headers, table.lines[-1], strict=True))
        assert line["method"] == "always the most frequent class"
        assert (line["ID"], line["OOD (far)"]) == ("55.0", "60.0")
        assert line["FLOPs / ERM"] == "–"

    def test_of_several_sets(self):
        found = made(sets=("a", "b"), floors={"test": 0.5, "a": 0.6, "b": 0.8})
        table = summary_table(found.rows, floor_of(found.values))
        line = dict(zip(table.headers, table.lines[-1], strict=True))
        assert (line["a"], line["b"], line["OOD mean"]) == ("60.0", "80.0", "70.0")

    @pytest.mark.parametrize("changes", [{"floors": {}}, {"metric": "macro_f1"}])
    def test_not_where_it_is_not_known(self, changes):
        assert floor_of(made(**changes).values) is None

    def test_no_better_than_it_is_said(self):
        runs = [record("erm", ood={"far": 0.8}), record("ftft", ood={"far": 0.6})]
        values = values_of(runs)
        values["data"]["floors"] = {"dev": 0.5, "test": 0.55, "far": 0.6}
        expected = "FTFT is no better than always giving the same answer (60.0%)"
        assert expected in said(results_of(values, Path("run")))
        assert "is no better than" not in said(made(ood=0.61))

    def test_what_neither_beats_stands_beside_the_judgement(self):
        runs = [record("erm", seed, ood={"far": 0.50 + seed / 1000}) for seed in range(4)]
        runs += [record("ftft", seed, ood={"far": 0.55 + seed / 900}) for seed in range(4)]
        values = values_of(runs)
        before = verdict(results_of(values, Path("run")))
        values["data"]["floors"] = {"dev": 0.5, "test": 0.55, "far": 0.6}
        found = verdict(results_of(values, Path("run")))
        assert (before.outcome, found.outcome) == ("won", "won")
        assert found.sentence == before.sentence + (
            " Neither FTFT (55.2%) nor ERM (50.2%) is better out of distribution than always "
            "giving the same answer (60.0%)."
        )
        assert "is no better than" not in " ".join(found.remarks)

    def test_that_nothing_is_right_is_said_where_no_floor_is_known(self):
        def sentence(of_ftft):
            runs = [record("erm", ood={"far": 0.0}), record("ftft", ood={"far": of_ftft})]
            values = values_of(runs)
            values["data"]["floors"] = {}
            return verdict(results_of(values, Path("run"))).sentence

        nothing = "Neither FTFT nor ERM has anything right out of distribution, so that nothing"
        assert nothing in sentence(0.0)
        assert "Neither" not in sentence(0.01)

    def test_of_a_study_each_setting_is_said_of_itself(self):
        runs = [
            record("erm", ood={"far": 0.8}),
            record(strategy="ambiguous", ood={"far": 0.6}),
            record(strategy="hard-to-learn", ood={"far": 0.7}),
        ]
        values = values_of(runs)
        values["data"]["floors"] = {"dev": 0.5, "test": 0.5, "far": 0.6}
        first, second = verdicts(results_of(values, Path("run")))
        assert " ".join(first.remarks).count("is no better than") == 1
        assert "is no better than" not in " ".join(second.remarks)


class TestChance:
    def remarks(self, *strategies, baseline=False):
        runs = [record("erm", seed, ood={"far": 0.8}) for seed in range(2)]
        if baseline:
            runs += [record("random", seed, ood={"far": 0.7}) for seed in range(2)]
        gains = {"ambiguous": 0.05, "random": 0.02}
        runs += [
            record(seed=seed, strategy=one, ood={"far": 0.8 + gains[one] * (1 + seed)})
            for one in strategies
            for seed in range(2)
        ]
        found = verdicts(results_of(values_of(runs), Path("run")))
        return [" ".join(one.remarks) for one in found]

    def test_nobody_knows_without_a_random_subset(self):
        (alone,) = self.remarks("ambiguous")
        assert "what the selection itself adds is not known: the baseline random says" in alone

    def test_a_random_setting_says_it(self):
        ambiguous, by_chance = self.remarks("ambiguous", "random")
        assert "Against the same with strategy random: +4.5 points (95% interval" in ambiguous
        assert "is not known" not in ambiguous + by_chance
        assert "Against the same" not in by_chance

    def test_a_baseline_says_it_once(self):
        ambiguous, by_chance = self.remarks("ambiguous", "random", baseline=True)
        for found in (ambiguous, by_chance):
            assert "Against a random subset of the same size" in found
            assert "Against the same with" not in found


class TestSeedsThatAreAllTheSame:
    def found(self, ftft):
        runs = [record("erm", seed, ood={"far": 0.52}) for seed in range(2)]
        runs += [record("ftft", seed, ood={"far": ftft}) for seed in range(2)]
        return results_of(values_of(runs), Path("run"))

    def test_level_is_called_so(self):
        assert "FTFT and ERM are level out of dist" in verdict(self.found(0.52)).sentence
        assert "differ by the same +1.0 points out" in verdict(self.found(0.53)).sentence

    def test_scores_are_written_alike_in_and_out_of_distribution(self):
        table = summary_table(self.found(0.52).rows)
        line = dict(zip(table.headers, table.lines[-1], strict=True))
        assert (line["ID"], line["OOD (far)"]) == ("80.0 ± 0.0", "52.0 ± 0.0")


class TestWhatErmHadByThen:
    def test_is_said(self):
        assert "ERM reached FTFT's score at 50% of ERM's FLOPs." in said(made(dev=0.7))

    def test_not_where_both_are_at_what_needs_no_learning(self):
        found = said(made(dev=0.5, floors={"dev": 0.5, "test": 0.5, "far": 0.5}))
        assert "reached FTFT's score" not in found
        assert "reached FTFT's score" in said(made(dev=0.51))

    def test_not_at_nothing(self):
        runs = [
            record("erm", curve=[(30, {"dev": 0.0}), (120, {"dev": 0.4})], steps=120),
            record("ftft", curve=[(40, {"dev": 0.0})]),
        ]
        assert "reached FTFT's score" not in said(results_of(values_of(runs, sets=()), Path("run")))

    def test_seeds_that_learnt_nothing_do_not_count(self):
        curves = {0: [(40, {"dev": 0.7})], 1: [(40, {"dev": 0.5})]}
        runs = [record("erm", seed, curve=ERM_CURVE, steps=120) for seed in curves]
        runs += [record("ftft", seed, curve=curve) for seed, curve in curves.items()]
        values = values_of(runs, sets=())
        values["data"]["floors"] = {"dev": 0.5, "test": 0.5}
        found = said(results_of(values, Path("run")))
        expected = "at 50% of ERM's FLOPs in 1 of 2 seeds; in 1 seed FTFT had learnt nothing."
        assert f"ERM reached FTFT's score {expected}" in found

    def test_never(self):
        assert "ERM never reached FTFT's score" in said(made(dev=0.9))


class TestTheMainModel:
    """A reference that beats ERM on development data says that ERM is not trained well."""

    def found(self, accuracy):
        dev = None if accuracy is None else {"accuracy": accuracy}
        preflight = {"verdict": "good", "reasons": [], "dev": dev}
        runs = [
            record("erm", curve=[(120, {"dev": 0.75})], steps=120),
            record("ftft", preflight=preflight),
        ]
        return said(results_of(values_of(runs, sets=()), Path("run")))

    def test_is_said(self):
        assert (
            "ERM reached 75.0% on development data, and the reference 98.0%: unless the "
            "reference really is the better model, the main model is not trained well yet"
        ) in self.found(0.98)

    @pytest.mark.parametrize("accuracy", [0.7, 0.75, 0.765])
    def test_not_where_erm_is_as_good(self, accuracy):
        assert "not trained well" not in self.found(accuracy)

    def test_not_where_it_is_not_known(self):
        assert "not trained well" not in self.found(None)


class TestTheReference:
    def test_is_judged_with_reasons(self):
        bad = {"verdict": "bad", "reasons": ["it predicts 32% right", "and more"], "advice": []}
        assert "called the reference bad: it predicts 32% right; and more." in said(
            made(preflight=bad)
        )

    def test_good_needs_none(self):
        good = {"verdict": "good", "reasons": [], "advice": []}
        assert "called the reference good." in said(made(preflight=good))

    def test_the_worst_of_several_seeds(self):
        verdicts = ["good", "bad", "doubtful", "bad"]
        runs = [
            record(
                seed=seed,
                ood={"far": 0.8},
                preflight={"verdict": one, "reasons": [f"reason {seed}"] * (one != "good")},
            )
            for seed, one in enumerate(verdicts)
        ]
        found = results_of(values_of(runs), Path("run"))
        assert "called the reference bad in 2 of 4 seeds: reason 1." in said(found)


@pytest.mark.parametrize(
    ("estimated", "expected"),
    [
        ([True, True], "ERM was not run: its FLOPs are computed"),
        ([True, False], "ERM was not run for every seed: its FLOPs are computed"),
    ],
)
def test_erm_that_was_run_for_no_seed_or_for_some(estimated, expected):
    runs = [record("ftft", seed, ood={"far": 0.6}) for seed in range(2)]
    for run, is_estimated in zip(runs, estimated, strict=True):
        run["cost"]["erm_estimated"] = is_estimated
    assert expected in said(results_of(values_of(runs), Path("run")))
