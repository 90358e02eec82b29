"""Sharing through a folder: what goes out, what is taken in, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from transformers import AutoModelForSequenceClassification

from ftft import DataMap, Selection, load_experiment, read_dynamics
from ftft.cli.show import show_results
from ftft.data.load import load_data
from ftft.dynamics.header import read_header
from ftft.errors import SharingError, WorkspaceError
from ftft.results.read import read_run
from ftft.results.verdict import verdict
from ftft.sharing.bundle import bundle
from ftft.sharing.card import card, plain
from ftft.sharing.manifest import FileEntry, Manifest, is_shared, read_manifest
from ftft.sharing.matching import check_match
from ftft.sharing.provenance import provenance, public_name
from ftft.sharing.pull import pull
from ftft.sharing.push import push
from ftft.sharing.targets import Repository, parse_place
from ftft.workspace.layout import STUDY_TITLE
from ftft.workspace.stage_record import digest_of

DYNAMICS, MAP, MODEL = "reference/seed-0/dynamics", "map/seed-0/map.parquet", "main/seed-0/model"


@pytest.fixture
def shared(run, tmp_path):
    """Push something of the run into a folder."""

    def shared(path=MAP, **options):
        folder = tmp_path / f"shared-{Path(path).name}"
        push(run / path, folder, **options)
        return folder

    return shared


@pytest.fixture
def study(run, tmp_path):
    """The stages of the run as ``ftft study`` lays them out, with a reference called map."""
    folder = tmp_path / "study"
    for source, place in {
        "reference": "reference/map",
        "map": "map/map",
        "erm": "erm/main",
        "main": "main/main/map/ambiguous-0.33",
        "selection": "selection/main/map/ambiguous-0.33",
        "scores/erm": "scores/erm/main",
    }.items():
        shutil.copytree(run / source, folder / "tiny" / place)
    shutil.copyfile(run / "results.json", folder / "tiny/results.json")
    (folder / "study.yaml").write_text(STUDY_TITLE)
    return folder


def rewritten(folder, change):
    """Change ``ftft.json`` so that its own checksum fits again, as a forger would."""
    path = folder / "ftft.json"
    values = json.loads(path.read_text())
    change(values)
    values.pop("sha256")
    values["sha256"] = digest_of(values)
    path.write_text(json.dumps(values))


class TestPlaces:
    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("me/maps", Repository("me/maps")),
            ("datasets/me/maps", Repository("me/maps", "dataset")),
            ("models/me/maps.v2", Repository("me/maps.v2", "model")),
            ("./maps", Path("maps")),
            ("../a/b", Path("../a/b")),
            ("/a/b", Path("/a/b")),
            ("file:me/maps", Path("me/maps")),
        ],
    )
    def test_repositories_and_folders(self, text, place):
        assert parse_place(text) == place

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "maps",
            "a/b/c",
            "me/..",
            "me/a..b",
            "me/a--b",
            "me/x.git",
            "me/a b",
            "me/\x1b[2J",
            "-x/y",
        ],
    )
    def test_others_are_refused(self, text):
        with pytest.raises(SharingError, match="OWNER/NAME"):
            parse_place(text)


class TestWhatGoesOut:
    def test_dynamics(self, run, shared):
        folder = shared(DYNAMICS)
        ours, theirs = read_dynamics(run / DYNAMICS), read_dynamics(folder)
        assert theirs.example_ids.equals(ours.example_ids)
        for epoch in ours.epochs:
            assert (theirs.epoch_logits(epoch) == ours.epoch_logits(epoch)).all()

    def test_no_folder_of_this_machine(self, run, shared, tiny_model, tmp_path):
        assert read_header(run / DYNAMICS).meta["model"] == str(tiny_model)
        for path in (DYNAMICS, MAP, MODEL):
            for file in shared(path).iterdir():
                content = file.read_bytes()
                assert str(tiny_model).encode() not in content, file
                assert str(run).encode() not in content, file
                assert b"x86_64" not in content, file
        push(run / DYNAMICS, tmp_path / "again")
        assert read_header(tmp_path / "again").meta["model"] == tiny_model.name

    def test_no_texts(self, finished, shared):
        texts = [line.split(",")[1] for line in (finished / "train.csv").read_text().splitlines()]
        for path in (DYNAMICS, MAP):
            for file in shared(path).iterdir():
                assert not any(text.encode() in file.read_bytes() for text in texts if " " in text)

    def test_a_map_takes_its_run_s_selection_along(self, run, shared, tmp_path):
        folder = shared()
        assert Selection.read(folder / "selection.parquet").total == 64
        alone = tmp_path / "elsewhere.parquet"
        shutil.copyfile(run / MAP, alone)
        assert set(bundle(alone).manifest.files) == {"map.parquet"}
        chosen = run / "selection/seed-0/selection.parquet"
        assert set(bundle(alone, chosen).manifest.files) == {"map.parquet", "selection.parquet"}

    def test_a_selection_of_another_map_is_refused(self, run, tmp_path):
        table = pq.read_table(run / "selection/seed-0/selection.parquet")
        ids = [f"other{n}" for n in range(len(table))]
        other = Selection("random", 0.3, 0, 64, pa.array(ids), table["score"].to_numpy())
        other.write(tmp_path / "other.parquet")
        with pytest.raises(SharingError, match="not selected from this map"):
            bundle(run / MAP, tmp_path / "other.parquet")
        with pytest.raises(SharingError, match="goes with a map"):
            bundle(run / MODEL, tmp_path / "other.parquet")

    def test_only_files_of_a_model(self, run, tmp_path):
        folder = shutil.copytree(run / MODEL, tmp_path / "model")
        private = (
            *("training_args.bin", "modeling.py", "optimizer.pt", ".hidden.json", "train.json"),
            *("predictions.json", "trainer_state.json", "texts.txt", "other.safetensors"),
            *("all_results.json", "my.model", "origin.json"),
        )
        for name in private:
            (folder / name).write_bytes(b"x")
        (folder / "checkpoints").mkdir()
        found = bundle(folder)
        assert set(found.manifest.files) == {
            *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
        }
        assert set(found.left_out) == {*private, "checkpoints"}

    @pytest.mark.parametrize(
        "name",
        [
            *("config.json", "generation_config.json", "model.safetensors", "merges.txt"),
            *("model-00001-of-00002.safetensors", "model.safetensors.index.json", "vocab.txt"),
            *("tokenizer.json", "vocab.json", "adapter_config.json", "adapter_base.json"),
            "adapter_model.safetensors",
            *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
            *("spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"),
        ],
    )
    def test_what_a_model_is_loaded_from_is_shared(self, name):
        assert is_shared(name, "model")

    def test_the_name_of_a_model_s_folder_is_cut(self, run, tmp_path):
        folder = shutil.copytree(run / MODEL, tmp_path / "model")
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"_name_or_path": "/home/me/x"}))
        values = json.loads(bundle(folder).contents["config.json"])
        assert values["_name_or_path"] == "x"

    @pytest.mark.parametrize(
        "name", ["adapter_model.bin", "adapter_other.safetensors", "adapter_config.py"]
    )
    def test_of_an_adapter_only_what_is_checked_is_shared(self, name):
        assert not is_shared(name, "model")

    def test_a_damaged_stage_is_not_shared(self, run, tmp_path):
        copied = shutil.copytree(run, tmp_path / "run")
        content = (copied / MAP).read_bytes()
        (copied / MAP).write_bytes(content[:-4] + b"xxxx")
        with pytest.raises(WorkspaceError):
            bundle(copied / MAP)

    @pytest.mark.parametrize("path", ["reference/seed-0", "nothing", "."])
    def test_what_is_not_clear_is_refused(self, run, path):
        with pytest.raises(SharingError, match=r"[Gg]ive "):
            bundle(run / path)

    def test_an_existing_folder_is_refused(self, run, tmp_path):
        (tmp_path / "there").mkdir()
        with pytest.raises(SharingError, match="never replaced"):
            push(run / MAP, tmp_path / "there")


class TestProvenance:
    def test_of_a_map(self, run):
        about = provenance(run / MAP)
        results = json.loads((run / "results.json").read_text())
        record = next(one for one in results["runs"] if one["method"] == "ftft")
        assert (about["run"], about["seed"], about["method"]) == ("run", 0, "ftft")
        assert about["reference"]["steps"] == record["steps"]["reference"]
        assert about["main"]["dev_scores"] == record["scores"]["dev"]
        assert about["test"] == record["scores"]["test"]
        assert about["cost_relative_to_erm"]["flops"] == record["cost"]["relative_to_erm"]["flops"]
        assert about["selection"]["fraction"] == 0.33
        assert about["packages"]["torch"]
        experiment = load_experiment(run.parent / "experiment.yaml")
        assert about["data"]["fingerprint"] == load_data(experiment.data).train.fingerprint

    def test_of_erm_nothing_of_ftft(self, run):
        about = provenance(run / "erm/seed-0/model")
        assert about["method"] == "erm"
        assert not {"reference", "verdict"} & about.keys()
        assert about["cost_relative_to_erm"]["flops"] == 1

    def test_figures_of_other_trainings_are_not_told(self, run, tmp_path):
        """A results.json or test scores from before a training that was run again."""
        copied = shutil.copytree(run, tmp_path / "run")
        for path in ("results.json", "scores/ftft/seed-0/stage.json"):
            values = json.loads((copied / path).read_text())
            if path == "results.json":
                values["runs"][1]["cost"]["flops"]["main"] += 1
            else:
                values.pop("sha256")
                values["made_from"]["model"] = "another"
                values["sha256"] = digest_of(values)
            (copied / path).write_text(json.dumps(values))
        about = provenance(copied / MAP)
        assert not {"test", "cost_relative_to_erm", "verdict"} & about.keys()
        assert "reference" in about

    def test_of_a_study_only_what_the_stage_says(self, run, study):
        erm = provenance(study / "tiny/erm/main/seed-0/model")
        assert erm["method"] == "erm"
        assert erm["main"] == provenance(run / "erm/seed-0/model")["main"]
        ours = provenance(study / "tiny/main/main/map/ambiguous-0.33/seed-0/model")
        assert (ours["method"], ours["seed"]) == ("ftft", 0)
        for about in (erm, ours):
            assert not {"run", "reference", "map", "selection", "test"} & about.keys()
            assert "cost_relative_to_erm" not in about
        reference = provenance(study / "tiny/reference/map/seed-0/dynamics")
        assert reference["reference"] == provenance(run / MAP)["reference"]
        assert not {"run", "method", "main"} & reference.keys()

    def test_the_card_of_a_study_s_erm_says_erm(self, study):
        text = card(bundle(study / "tiny/erm/main/seed-0/model").manifest, None)
        assert "on all the data (ERM)" in text
        assert "trained FTFT" not in text

    def test_a_study_s_map_has_no_one_selection(self, study):
        found = bundle(study / "tiny/map/map/seed-0").manifest
        assert set(found.files) == {"map.parquet"}
        assert found.about["map"]["burn_in"] == 0
        assert not {"run", "method", "selection"} & found.about.keys()

    def test_a_stage_by_itself_says_nothing_of_a_method(self, run, tmp_path):
        shutil.copytree(run / "main/seed-0", tmp_path / "main/seed-0")
        about = provenance(tmp_path / "main/seed-0/model")
        assert about["seed"] == 0
        assert not {"run", "method", "main"} & about.keys()

    def test_a_damaged_stage_is_named_as_it_is_forced(self, run, study, tmp_path):
        copied = shutil.copytree(run, tmp_path / "copied")
        for stage, name in (
            (copied / "map/seed-0", "map/seed-0"),
            (study / "tiny/map/map/seed-0", "tiny/map/map/seed-0"),
        ):
            (stage / "map.parquet").write_bytes(b"")
            with pytest.raises(WorkspaceError, match=f"--force-stage {name} to build"):
                bundle(stage / "map.parquet")

    def test_outside_of_a_run(self, tmp_path):
        assert provenance(tmp_path / "map.parquet") == {}

    @pytest.mark.parametrize(
        ("model", "name"),
        [
            ("/home/me/bert", "bert"),
            ("./bert", "bert"),
            ("~/bert", "bert"),
            ("owner/bert", "owner/bert"),
            ("package:some/model", "package:some/model"),
        ],
    )
    def test_names_of_models(self, model, name):
        assert public_name(model) == name


class TestCard:
    def test_says_all_of_it(self, run):
        manifest = bundle(run / MAP).manifest
        text = card(manifest, Repository("me/maps", "dataset"))
        _, metadata, body = text.split("---\n", 2)
        assert yaml.safe_load(metadata)["tags"][0] == "ftft"
        assert "license" not in yaml.safe_load(metadata)
        assert "# license:" in metadata
        for part in (
            "ftft pull datasets/me/maps pulled --data experiment.yaml",
            "ftft select pulled/map.parquet",
            "--set main.model=ANOTHER_MODEL",
            "The texts of the data are not in these files",
            "ids can say more",
            "## Reference model",
            "## Cost of the whole",
            "FLOPs over ERM's",
            "## Test scores",
            "accuracy",
            manifest.about["data"]["fingerprint"],
            "torch",
            "map.parquet",
        ):
            assert part in text, part
        assert "{{" not in body
        assert "{%" not in body

    @pytest.mark.parametrize("path", [DYNAMICS, MAP, MODEL, "selection/seed-0/selection.parquet"])
    def test_its_commands_are_commands(self, run, path):
        from typer.main import get_command

        from ftft.cli.app import app

        text = card(bundle(run / path).manifest, None)
        commands = get_command(app).commands
        lines = re.findall(r"^ftft (\S+)(.*)$", text, re.MULTILINE)
        assert len(lines) >= 2
        for name, rest in lines:
            known = {option for one in commands[name].params for option in one.opts}
            assert set(re.findall(r"(?<= )--?[a-z-]+", rest.partition("#")[0])) <= known

    def test_it_gives_the_verdict_of_terminal_and_report(self, run, capsys):
        results = read_run(run)
        sentence = verdict(results).sentence
        show_results(results)
        assert sentence in capsys.readouterr().out.splitlines()
        assert f">{sentence}<" in (run / "report.html").read_text(encoding="utf-8")
        assert f"<p>{sentence}</p>" in results._repr_html_()
        assert plain(sentence) in card(bundle(run / MODEL).manifest, None)

    def test_of_a_model_on_the_hub(self, run):
        manifest = bundle(run / MODEL).manifest
        about = {**manifest.about, "main": {**manifest.about["main"], "model": "owner/big"}}
        text = card(Manifest("model", manifest.files, about), Repository("me/model", "model"))
        metadata = yaml.safe_load(text.split("---\n")[1])
        assert metadata["base_model"] == "owner/big"
        assert metadata["pipeline_tag"] == "text-classification"
        assert 'from_pretrained("me/model")' in text

    def test_names_from_data_are_no_markup(self):
        about = {
            "data": {"classes": ["<script>x</script>", "a|b", "[c](http://d)", "e\n# f", "`g`"]}
        }
        files = {"map.parquet": FileEntry(1, "0" * 64)}
        body = card(Manifest("map", files, about), None).split("---\n", 2)[2]
        assert "<script" not in body.replace("\\<script", "")
        assert "\n# f" not in body
        assert "[c](" not in body.replace("\\[c\\](", "")
        row = next(line for line in body.splitlines() if line.startswith("| classes"))
        assert len(re.findall(r"(?<!\\)\|", row)) == 3

    @pytest.mark.parametrize("text", ["a\x1b[2Jb", "\u202eabc", "a\u2028b"])
    def test_control_characters_are_gone(self, text):
        assert plain(text).isprintable()

    def test_with_nothing_known(self):
        text = card(Manifest("selection", {"selection.parquet": FileEntry(1, "0" * 64)}, {}), None)
        assert "Selected training examples" in text


class TestPull:
    @pytest.mark.parametrize("path", [DYNAMICS, MAP, MODEL])
    def test_can_be_used(self, shared, tmp_path, path):
        pull(shared(path), tmp_path / "pulled")
        if path == DYNAMICS:
            assert len(DataMap.from_dynamics(read_dynamics(tmp_path / "pulled"), burn_in=0)) == 64
        elif path == MAP:
            assert len(DataMap.read(tmp_path / "pulled" / "map.parquet")) == 64
        else:
            AutoModelForSequenceClassification.from_pretrained(tmp_path / "pulled")

    def test_can_be_pushed_on(self, shared, tmp_path):
        pull(shared(), tmp_path / "pulled")
        push(tmp_path / "pulled", tmp_path / "again")
        assert (tmp_path / "again/map.parquet").exists()

    @pytest.mark.parametrize("path", [DYNAMICS, MAP, MODEL])
    def test_where_it_was_pulled_from_is_not_pushed_on(self, shared, tmp_path, path):
        pull(shared(path), tmp_path / "pulled")
        assert str(tmp_path) in (tmp_path / "pulled/origin.json").read_text()
        push(tmp_path / "pulled", tmp_path / "again")
        for file in (tmp_path / "again").iterdir():
            assert file.name != "origin.json"
            assert str(tmp_path).encode() not in file.read_bytes()
        pull(tmp_path / "again", tmp_path / "and-again")

    @pytest.mark.parametrize(
        "name",
        [
            *("../evil.parquet", "/etc/passwd", "a/map.parquet", "..", "", "map.parquet/../../x"),
            *(
                "evil.py",
                "weights.bin",
                "map.pkl",
                ".bashrc",
                "map.parquet\n",
                "ftft.json",
                "origin.json",
                "train.json",
                "..\\x.json",
            ),
        ],
    )
    def test_names_that_must_not_be_are_refused(self, shared, tmp_path, name):
        folder = shared(MODEL)
        rewritten(folder, lambda v: v["files"].update({name: {"bytes": 1, "sha256": "0" * 64}}))
        with pytest.raises(SharingError, match="may not hold"):
            pull(folder, tmp_path / "pulled")
        assert [p.name for p in tmp_path.iterdir()] == [folder.name]

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda v: v.update(schema=2), "pip install -U ftft"),
            (lambda v: v.update(kind="pickle"), "not known"),
            (lambda v: v.update(format="other"), "format"),
            (lambda v: v["files"].pop("map.parquet"), "lacks map.parquet"),
            (lambda v: v.update(files=[]), "cannot be used"),
            (lambda v: v.update(files={"map.parquet": 3}), "cannot be used"),
            (lambda v: v["files"]["map.parquet"].update(bytes=-1), "size and checksum"),
            (lambda v: v["files"]["map.parquet"].update(sha256="x"), "size and checksum"),
            (lambda v: v.update(about=[1]), "cannot be used"),
            (lambda v: v["files"]["map.parquet"].update(bytes=7), "changed or damaged"),
        ],
    )
    def test_other_manifests_are_refused(self, shared, tmp_path, change, expected):
        folder = shared()
        rewritten(folder, change)
        with pytest.raises(SharingError, match=expected):
            pull(folder, tmp_path / "pulled")
        assert not (tmp_path / "pulled").exists()

    @pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": 1}'])
    def test_what_is_no_manifest_is_refused(self, shared, tmp_path, content):
        folder = shared()
        (folder / "ftft.json").write_bytes(content)
        with pytest.raises(SharingError, match=r"ftft\.json"):
            pull(folder, tmp_path / "pulled")

    def test_an_endless_manifest_is_refused(self, tmp_path):
        with (tmp_path / "ftft.json").open("wb") as file:
            file.truncate(20_000_000)
        with pytest.raises(SharingError, match="more than 10,000,000 bytes"):
            read_manifest(tmp_path / "ftft.json", "here")

    def test_names_that_differ_in_case_only_are_refused(self, shared, tmp_path):
        folder = shared(MODEL)
        rewritten(
            folder,
            lambda v: v["files"].update(
                {"tokenizer_CONFIG.json": v["files"]["tokenizer_config.json"]}
            ),
        )
        with pytest.raises(SharingError, match="upper and lower case"):
            pull(folder, tmp_path / "pulled")

    def test_content_that_fits_its_checksum_is_read_all_the_same(self, shared, tmp_path):
        folder = shared()
        content = b"PAR1 no map"
        (folder / "map.parquet").write_bytes(content)
        entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        rewritten(folder, lambda v: v["files"].update({"map.parquet": entry}))
        with pytest.raises(SharingError, match="cannot be used"):
            pull(folder, tmp_path / "pulled")
        assert not (tmp_path / "pulled").exists()

    def test_a_missing_file(self, shared, tmp_path):
        folder = shared()
        (folder / "selection.parquet").unlink()
        with pytest.raises(SharingError, match=r"selection\.parquet: .* cannot be read"):
            pull(folder, tmp_path / "pulled")
        assert [p.name for p in tmp_path.iterdir()] == [folder.name]

    def test_a_folder_without_manifest_and_no_folder(self, run, tmp_path):
        with pytest.raises(SharingError, match="not shared by ftft push"):
            pull(run / MODEL, tmp_path / "pulled")
        with pytest.raises(SharingError, match="no such folder"):
            pull(tmp_path / "nowhere", tmp_path / "pulled")

    def test_a_folder_has_no_revision(self, shared, tmp_path):
        with pytest.raises(SharingError, match="no revisions"):
            pull(shared(), tmp_path / "pulled", revision="main")

    @pytest.mark.parametrize("kind", ["dynamics", "map", "selection", "model"])
    def test_nothing_that_runs_is_shared(self, kind):
        for name in ("x.py", "x.bin", "x.pt", "x.pkl", "x.so", "x.sh", "ftft.json", "a/b.json"):
            assert not is_shared(name, kind)


class TestMatching:
    @pytest.fixture
    def match(self, finished, shared, tmp_path):
        """Check something shared against the experiment's data, changed by overrides."""

        def match(path=MAP, *overrides):
            experiment = load_experiment(finished / "experiment.yaml", overrides)
            pulled = pull(shared(path), tmp_path / "pulled")
            train = load_data(experiment.data).train
            return check_match(tmp_path / "pulled", pulled.manifest, train, experiment.name)

        return match

    def test_the_same_data(self, match):
        assert "row by row" in match()

    @pytest.mark.parametrize("path", [DYNAMICS, MAP, "selection/seed-0/selection.parquet"])
    def test_the_same_ids_in_a_data_set_that_reads_otherwise(self, match, path):
        found = match(path, "data.train.slices=[source]")
        assert "are training examples with the same ids" in found

    @pytest.mark.parametrize("path", [DYNAMICS, MAP, "selection/seed-0/selection.parquet"])
    def test_other_ids(self, match, path):
        with pytest.raises(SharingError, match="same 'id' column or none"):
            match(path, "data.train.id=null")

    def test_fewer_examples(self, match):
        with pytest.raises(SharingError, match=r"24 of the 64 examples"):
            match(MAP, "data.train.limit=40")

    @pytest.mark.parametrize("path", [DYNAMICS, MAP])
    def test_other_labels(self, match, path):
        changes = "data.train.labels={neg: pos, pos: neg}", "data.dev.dev.labels={}"
        with pytest.raises(SharingError, match=r"64 of the 64 examples .* have another label"):
            match(path, *changes)

    def test_classes_of_a_model(self, match):
        assert "classes are the same" in match(MODEL)

    def test_other_classes_of_a_model(self, match):
        with pytest.raises(SharingError, match="in this order"):
            match(MODEL, "data.classes=[pos, neg]")


class TestElsewhere:
    """A bucket, which the memory of this process stands for."""

    @pytest.fixture
    def url(self):
        system = fsspec.filesystem("memory")
        yield "memory://shared/maps/nli"
        if system.exists("/shared"):
            system.rm("/shared", recursive=True)

    def test_there_and_back(self, run, tmp_path, url):
        pushed = push(run / MAP, parse_place(url))
        assert (str(pushed.place), pushed.commit) == (url, None)
        pulled = pull(parse_place(url), tmp_path / "pulled")
        assert pulled.manifest.kind == "map"
        map_of = DataMap.read(tmp_path / "pulled")
        assert map_of.example_ids.equals(DataMap.read(run / MAP).example_ids)
        assert (tmp_path / "pulled/README.md").is_file()
        origin = json.loads((tmp_path / "pulled/origin.json").read_text())
        assert origin == {"pulled_from": url, "commit": None}

    def test_the_manifest_comes_last(self, run, url, monkeypatch):
        system, written = fsspec.filesystem("memory"), []
        for name in ("pipe_file", "put_file"):
            write = getattr(type(system), name)

            def noted(self, *places, write=write, **more):
                written.extend(place for place in places if "shared/" in str(place))
                return write(self, *places, **more)

            monkeypatch.setattr(type(system), name, noted)
        push(run / MAP, parse_place(url))
        assert written[-1].endswith("/ftft.json")

    def test_what_was_written_in_part_is_written_whole(self, run, tmp_path, url):
        fsspec.filesystem("memory").pipe_file("/shared/maps/nli/map.parquet", b"half")
        push(run / MAP, parse_place(url))
        assert pull(parse_place(url), tmp_path / "pulled").manifest.kind == "map"

    @pytest.mark.parametrize("place", ["https://me:pw@h/d", "https://h/d?v=1", "zip::s3://b/c"])
    def test_no_passwords_and_queries(self, place):
        with pytest.raises(SharingError, match=r"password|query|chains") as error:
            parse_place(place)
        assert "pw" not in str(error.value)

    def test_what_is_there_is_never_replaced(self, ftft, run, url):
        push(run / MAP, parse_place(url))
        said = ftft("push", run / MAP, url)
        assert said.code == 2
        assert f"{url} already exists" in said.err

    def test_what_was_changed_or_is_not_ours_is_refused(self, run, tmp_path, url):
        push(run / MAP, parse_place(url))
        system = fsspec.filesystem("memory")
        system.pipe_file("/shared/maps/nli/map.parquet", b"other")
        with pytest.raises(SharingError, match=r"map.parquet: has 5 bytes"):
            pull(parse_place(url), tmp_path / "pulled")
        system.rm_file("/shared/maps/nli/map.parquet")
        with pytest.raises(SharingError, match=r"map.parquet does not exist"):
            pull(parse_place(url), tmp_path / "pulled")
        system.rm_file("/shared/maps/nli/ftft.json")
        with pytest.raises(SharingError, match=r"ftft.json does not exist"):
            pull(parse_place(url), tmp_path / "pulled")
        with pytest.raises(SharingError, match="has no revisions"):
            pull(parse_place(url), tmp_path / "pulled", revision="main")
        assert not (tmp_path / "pulled").exists()
