"""What the results say of early stopping."""

from pathlib import Path

from fake_runs import record, values_of
from ftft.results.read import results_of
from ftft.results.stopping import stopping_in_words


def made(method, steps, most=None, patience=None, seed=0):
    one = record(method, seed, ood={"far": 0.8}, steps=steps)
    one["steps"] |= {"most": steps if most is None else most, "patience": patience}
    return one


def said(*records):
    return stopping_in_words(results_of(values_of(records), Path("run")).runs)


def test_each_method_is_named():
    runs = [made("erm", 120), made("random", 40, 40, 2), made("ftft", 30, 1_040, 2)]
    assert said(*runs) == (
        "Early stopping: ERM: none; random subset: took all steps (patience 2); "
        "FTFT: after 30 of at most 1,040 steps."
    )


def test_of_several_seeds():
    runs = [made("ftft", steps, 40, 2, seed) for seed, steps in enumerate((40, 20, 30))]
    assert said(*runs) == (
        "Early stopping: FTFT: after 20 to 30 of at most 40 steps, in 2 of 3 runs."
    )


def test_earlier_files_do_not_say_it():
    assert said(record("ftft", ood={"far": 0.8})) == ""
