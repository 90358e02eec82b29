"""Trainings followed from outside: TensorBoard's files read back, names, places, resuming."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from ftft.cartography.datamap import DataMap
from ftft.config.schema import Map, Recording
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import read_dynamics
from ftft.errors import ConfigError, WorkspaceError
from ftft.experiment.logged_metrics import dynamics_figures, selection_figures
from ftft.training.arguments import decisive, training_arguments
from ftft.training.logger_checks import is_tracked
from ftft.training.loggers import Tracked, name_run, tracking
from ftft.transfer.stability import FollowedMap
from killing import KilledError, Killer
from tiny_task import plan, reviews, same_weights

TENSORBOARD = {"report_to": "tensorboard", "logging_steps": 1}
# Of the clock, so never twice the same.
TIMED = ("seconds", "runtime", "per_second")


def scalars(folder):
    """Tag to the steps and values of all event files of a folder, as TensorBoard shows them."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


@pytest.fixture(autouse=True)
def files_in_the_order_they_were_made(monkeypatch):
    """TensorBoard sorts files of the same second and process by a count, as text: 10 before 9.

    Two trainings of one process only follow so closely here, where nothing is long.
    """
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(1000))


def figures_of(dynamics, settings):
    return dynamics_figures(FollowedMap(settings.burn_in).update(dynamics), settings)


@pytest.fixture
def followed(tune, settings, tmp_path):
    """Fine-tune with TensorBoard; what it logged is in ``logs/NAME``."""

    def run(to, schedule, *, given=TENSORBOARD, recording=None, spies=(), **tracked):
        values = {
            "name": to,
            "project": "tiny",
            "logs": tmp_path / "logs",
            "of_dynamics": lambda dynamics: figures_of(dynamics, Map()),
        }
        return tune(
            to,
            schedule,
            settings=settings(training_arguments=given),
            recording=recording or Recording(),
            tracked=Tracked(**(values | tracked)),
            spies=spies,
        )

    return run


class TestTensorBoard:
    def test_the_trainers_and_our_own_figures_are_there(self, followed, tmp_path):
        tuned = followed(
            "main", plan(6, 2), known={"selection/examples": 13.0}, spent_flops=2.0, erm_flops=4.0
        )
        logged = scalars(tmp_path / "logs" / "main")
        assert [step for step, _ in logged["train/loss"]] == [1, 2, 3, 4, 5, 6]
        scored = [(entry["step"], entry["dev_accuracy"]) for entry in tuned.history]
        assert dict(logged["eval/dev_accuracy"]) == pytest.approx(dict(scored))
        assert logged["train/selection/examples"] == [(0, 13.0)]
        assert [step for step, _ in logged["train/cost/flops"]] == [2, 4, 6]
        assert logged["train/cost/flops"][-1][1] == pytest.approx(tuned.cost.total.flops, rel=1e-5)
        over_erm = (2 + tuned.cost.total.flops) / 4
        assert logged["train/cost/flops_over_erm"][-1][1] == pytest.approx(over_erm, rel=1e-5)

    def test_dynamics_are_summed_up_at_every_recording_point(self, followed, tmp_path):
        tuned = followed("reference", plan(9, 3))
        logged = scalars(tmp_path / "logs" / "reference")
        # 40 examples in batches of 16: three steps an epoch.
        assert [step for step, _ in logged["train/dynamics/last_accuracy"]] == [3, 6, 9]
        assert [step for step, _ in logged["train/preflight/easy"]] == [6, 9]
        datamap = DataMap.from_dynamics(read_dynamics(tuned.dynamics_folder), burn_in=0)
        for name in ("confidence", "variability"):
            expected = (9, float(getattr(datamap, name).mean()))
            assert logged[f"train/dynamics/{name}"][-1] == pytest.approx(expected)
        shares = [logged[f"train/dynamics/share_{region}"][-1][1] for region in set(datamap.region)]
        assert sum(shares) == pytest.approx(1)
        assert logged["train/preflight/verdict"][-1][1] in (0, 1, 2)

    def test_passes_in_evaluation_mode_are_looked_at_too(self, followed, tmp_path):
        followed("passes", plan(6, 3), recording=Recording(mode="evaluation", points_per_epoch=3))
        logged = scalars(tmp_path / "logs" / "passes")
        assert [step for step, _ in logged["train/dynamics/points"]] == [1, 2, 3, 4, 5, 6]

    def test_a_training_comes_out_the_same_with_it_and_without(self, followed, tune):
        plain = tune("plain", plan(6, 2), recording=Recording())
        tracked = followed("tracked", plan(6, 2))
        assert same_weights(plain.model_folder, tracked.model_folder)
        assert plain.history == tracked.history
        assert plain.cost.total.flops == tracked.cost.total.flops
        one, other = (read_dynamics(made.dynamics_folder) for made in (plain, tracked))
        assert (one.logits() == other.logits()).all()
        files = [path.name for path in (tracked.model_folder.parent).rglob("*tfevents*")]
        assert files == []

    @pytest.mark.parametrize("killed", [(1,), (5,), (7,), (3, 5, 8)])
    def test_a_resumed_training_counts_nothing_twice(self, followed, tmp_path, killed):
        known = {"selection/examples": 13.0}
        followed("whole", plan(8, 2), known=known)
        for step in killed:
            with pytest.raises(KilledError):
                followed("again", plan(8, 2), known=known, spies=(Killer(step),))
        followed("again", plan(8, 2), known=known)
        whole, again = (scalars(tmp_path / "logs" / name) for name in ("whole", "again"))
        assert whole.keys() == again.keys()
        for tag, expected in whole.items():
            assert [step for step, _ in again[tag]] == [step for step, _ in expected], tag
            if not any(part in tag for part in (*TIMED, "total_flos", "train/train_loss")):
                assert again[tag] == expected, tag

    def test_the_users_own_folder_of_logs_is_taken(self, followed, tmp_path, monkeypatch):
        monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "mine"))
        followed("main/seed-0", plan(2, 2))
        assert "train/loss" in scalars(tmp_path / "mine" / "main" / "seed-0")

    def test_logs_that_cannot_be_written_are_named(self, followed, tmp_path):
        (tmp_path / "logs").write_text("a file")
        with pytest.raises(WorkspaceError, match=r"logs.*cannot be made"):
            followed("main", plan(2, 2))


class TestFigures:
    def test_one_recording_point_is_no_map_yet(self):
        one = TrainingDynamics.from_arrays([[[1.0, 0.0], [0.0, 1.0]]], [0, 0])
        figures = figures_of(one, Map())
        assert figures["dynamics/last_accuracy"] == 0.5
        assert not any(name.startswith(("preflight", "dynamics/conf")) for name in figures)
        assert figures_of(TrainingDynamics.from_arrays([one.logits()[0]] * 2, [0, 0]), Map())[
            "dynamics/variability"
        ] == pytest.approx(0)

    def test_burn_in_holds_here_too(self):
        two = TrainingDynamics.from_arrays([[[1.0, 0.0], [0.0, 1.0]]] * 2, [0, 0])
        assert "dynamics/confidence" not in figures_of(two, Map(burn_in=1))

    def test_a_selection_has_a_size_and_a_share_of_each_label(self):
        train = reviews("train", 20)
        figures = selection_figures(train, 60)
        negative = float((train.labels == 0).mean())
        assert figures == {
            "selection/examples": 20,
            "selection/share": pytest.approx(1 / 3),
            "selection/label 0 neg": pytest.approx(negative),
            "selection/label 1 pos": pytest.approx(1 - negative),
        }


class TestNames:
    def test_each_training_has_its_own(self, settings, tmp_path):
        made = training_arguments(settings(), plan(2), tmp_path)
        name_run(made, Tracked("main/seed-0", "tiny", tmp_path))
        assert (made.run_name, made.project) == ("main/seed-0", "tiny")

    def test_the_users_names_stay(self, settings, tmp_path):
        given = {"run_name": "trial", "project": "mine"}
        made = training_arguments(settings(training_arguments=given), plan(2), tmp_path)
        name_run(made, Tracked("main/seed-0", "tiny", tmp_path))
        assert (made.run_name, made.project) == ("trial/main/seed-0", "mine")

    def test_where_it_is_reported_does_not_make_another_training(self, settings):
        tracked = settings(training_arguments={**TENSORBOARD, "run_name": "x", "weight_decay": 0.1})
        silent = settings(training_arguments={"weight_decay": 0.1})
        assert decisive(tracked) == decisive(silent) != decisive(settings())
        # No adapter and no quantization are no keys of the record, so that older stages stay.
        unset = {"adapter", "quantization", "attn_implementation"}
        assert decisive(settings()) == settings().model_dump(exclude=unset)

    @pytest.mark.parametrize(
        ("given", "asked"),
        [
            ({}, False),
            ({"report_to": "none"}, False),
            ({"report_to": []}, False),
            ({"report_to": "tensorboard"}, True),
            ({"report_to": ["wandb", "mlflow"]}, True),
        ],
    )
    def test_whether_it_is_asked_for(self, settings, given, asked):
        assert is_tracked(settings(training_arguments=given)) is asked


class TestRefusals:
    @pytest.mark.parametrize(
        ("report_to", "message"),
        [
            ("kubeflow", "only where Kubeflow Trainer started the training"),
            ("dagshub", "run `pip install dagshub mlflow`"),
            (
                "neptune",
                "names neptune, whose package is not installed: run `pip install neptune`",
            ),
            (["tensorboard", "comet_ml"], "`pip install comet-ml`"),
            ("tensorbord", "names 'tensorbord', which transformers does not report to; it knows"),
            ([{"a": 1}], "does not report to"),
            ([None], "does not report to"),
        ],
    )
    def test_before_anything_is_trained(self, settings, tmp_path, report_to, message):
        chosen = settings(training_arguments={"report_to": report_to})
        with pytest.raises(ConfigError) as caught:
            training_arguments(chosen, plan(2), tmp_path)
        assert message in str(caught.value)


class Service(ModuleType):
    """A stand-in of wandb: a run that is begun and ended."""

    def __init__(self):
        super().__init__("wandb")
        self.run = None
        self.ended = 0

    def finish(self):
        self.run = None
        self.ended += 1


class TestServices:
    @pytest.fixture
    def wandb(self, monkeypatch):
        service = Service()
        monkeypatch.setitem(sys.modules, "wandb", service)
        for name in ("WANDB_PROJECT", "WANDB_DIR", "MLFLOW_EXPERIMENT_NAME"):
            monkeypatch.delenv(name, raising=False)
        return service

    def test_a_run_ends_with_its_training(self, wandb, tmp_path):
        with tracking(Tracked("main", "tiny", tmp_path / "logs")):
            wandb.run = SimpleNamespace()
        assert wandb.ended == 1

    def test_also_where_the_training_fails(self, wandb, tmp_path):
        def fails():
            with tracking(Tracked("main", "tiny", tmp_path / "logs")):
                wandb.run = SimpleNamespace()
                raise KilledError

        with pytest.raises(KilledError):
            fails()
        assert wandb.ended == 1

    def test_a_run_that_was_there_before_stays(self, wandb, tmp_path):
        wandb.run = SimpleNamespace()
        with tracking(Tracked("main", "tiny", tmp_path / "logs")):
            pass
        assert wandb.ended == 0

    def test_projects_are_named_after_the_experiment(self, wandb, tmp_path, monkeypatch):
        import os

        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
        with tracking(Tracked("main", "tiny", tmp_path / "logs")):
            assert os.environ["WANDB_PROJECT"] == "tiny"
            assert os.environ["WANDB_DIR"] == str(tmp_path / "logs")
            assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "mine"
        assert "WANDB_PROJECT" not in os.environ

    def test_what_a_service_refuses_is_one_message(self, wandb, tmp_path):
        error = type("UsageError", (Exception,), {"__module__": "wandb.errors"})
        tracked = Tracked("main", "tiny", tmp_path / "logs")
        message = "wandb failed while main was logged to it: no key"
        with pytest.raises(ConfigError, match=message), tracking(tracked):
            raise error("no key\nmore")
