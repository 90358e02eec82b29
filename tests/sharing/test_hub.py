"""Pushing to and pulling from a hub, and what is said where that is not possible."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from ftft.dynamics.store import read_dynamics
from ftft.errors import SharingError
from ftft.sharing.pull import pull
from ftft.sharing.push import push
from ftft.sharing.targets import Repository, parse_place
from hub_standin import TOKEN

WHERE = parse_place("tester/shared")
NOWHERE = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"


def refused(call, *arguments, **options):
    with pytest.raises(SharingError) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert TOKEN not in message
    assert "\n" not in message
    return message


class TestThereAndBack:
    @pytest.mark.parametrize(
        ("path", "kind", "type_"),
        [
            ("reference/seed-0/dynamics", "dynamics", "dataset"),
            ("map/seed-0", "map", "dataset"),
            ("selection/seed-0/selection.parquet", "selection", "dataset"),
            ("main/seed-0", "model", "model"),
        ],
    )
    def test_every_kind(self, hub, run, tmp_path, path, kind, type_):
        pushed = push(run / path, WHERE)
        assert pushed.place == Repository("tester/shared", type_)
        assert hub.repos[type_, "tester/shared"].private
        stored = hub.files(type_, "tester/shared")
        assert set(stored) == {*pushed.bundle.manifest.files, "ftft.json", "README.md"}

        pulled = pull(WHERE, tmp_path / "pulled")
        assert pulled.manifest == pushed.bundle.manifest
        assert (pulled.commit, pulled.manifest.kind) == (pushed.commit, kind)
        for name in stored:
            assert (tmp_path / "pulled" / name).read_bytes() == stored[name]
        origin = json.loads((tmp_path / "pulled" / "origin.json").read_text())
        assert origin == {"pulled_from": f"{type_}s/tester/shared", "commit": pushed.commit}
        assert {p.name for p in (tmp_path / "pulled").iterdir()} == {*stored, "origin.json"}

    def test_large_files_go_the_large_way_and_all_in_one_commit(self, hub, run):
        push(run / "map/seed-0", WHERE)
        assert len(hub.large) == 2
        assert sum("/commit/" in request for request in hub.requests) == 1
        assert len(hub.repos["dataset", "tester/shared"].commits) == 2

    def test_the_card_on_the_hub_has_the_place_in_its_commands(self, hub, run):
        push(run / "map/seed-0", WHERE)
        card = hub.files("dataset", "tester/shared")["README.md"].decode()
        assert "ftft pull datasets/tester/shared pulled --data experiment.yaml" in card
        assert yaml.safe_load(card.split("---\n")[1])["viewer"] is False

    def test_public_only_when_asked(self, hub, run, tmp_path, monkeypatch):
        push(run / "map/seed-0", WHERE, public=True)
        assert not hub.repos["dataset", "tester/shared"].private
        monkeypatch.delenv("HF_TOKEN")
        assert pull(WHERE, tmp_path / "pulled").manifest.kind == "map"

    def test_an_older_version(self, hub, run, tmp_path):
        first = push(run / "map/seed-0", WHERE)
        second = push(run / "reference/seed-0/dynamics", WHERE, overwrite=True)
        assert first.commit != second.commit
        assert pull(WHERE, tmp_path / "new").manifest.kind == "dynamics"
        old = pull(WHERE, tmp_path / "old", revision=first.commit)
        assert (old.manifest.kind, old.commit) == ("map", first.commit)
        assert not (tmp_path / "new" / "map.parquet").exists()
        assert len(read_dynamics(tmp_path / "new").epochs) == 3

    def test_weights_of_an_earlier_push_are_gone_and_other_files_stay(self, hub, run, tmp_path):
        folder = shutil.copytree(run / "main/seed-0/model", tmp_path / "model")
        (folder / "model-extra.safetensors").write_bytes(b"weights of another layout")
        (folder / "vocab.txt").write_text("a")
        first = push(folder, WHERE)
        repo = hub.repos["model", "tester/shared"]
        repo.commit({"LICENSE": b"mine"}, deleted=("vocab.txt",))  # by hand: gone already
        second = push(run / "main/seed-0", WHERE, overwrite=True)
        named = set(second.bundle.manifest.files)
        assert set(first.bundle.manifest.files) - named == {"model-extra.safetensors", "vocab.txt"}
        stored = hub.files("model", "tester/shared")
        assert set(stored) == {*named, "ftft.json", "README.md", "LICENSE"}
        pull(WHERE, tmp_path / "old", revision=first.commit)
        assert (tmp_path / "old/model-extra.safetensors").exists()

    @pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
    def test_nothing_is_removed_where_no_manifest_tells_what_was_shared(self, hub, run, content):
        push(run / "map/seed-0", WHERE)
        repo = hub.repos["dataset", "tester/shared"]
        if content is None:
            repo.commit({}, deleted=("ftft.json",))
        else:
            repo.commit({"ftft.json": content})
        push(run / "reference/seed-0/dynamics", WHERE, overwrite=True)
        assert {"map.parquet", "header.json"} <= hub.files("dataset", "tester/shared").keys()

    def test_nothing_but_what_the_manifest_names_is_fetched(self, hub, run, tmp_path):
        push(run / "main/seed-0", WHERE)
        hub.repos["model", "tester/shared"].commit(
            {"pytorch_model.bin": b"pickle", "modeling.py": b"import os"}
        )
        pull(WHERE, tmp_path / "pulled")
        assert not any(name in " ".join(hub.requests) for name in ("pytorch_model", "modeling"))

    def test_a_card_that_was_edited_or_removed_is_no_damage(self, hub, run, tmp_path):
        push(run / "map/seed-0", WHERE)
        repo = hub.repos["dataset", "tester/shared"]
        repo.commit({"README.md": b"---\nlicense: cc-by-4.0\n---\nmine"})
        pull(WHERE, tmp_path / "one")
        assert "mine" in (tmp_path / "one/README.md").read_text()
        del repo.commits[-1][1]["README.md"]
        pull(WHERE, tmp_path / "two")
        assert not (tmp_path / "two/README.md").exists()

    def test_two_types_of_one_name(self, hub, run, tmp_path):
        push(run / "map/seed-0", WHERE)
        push(run / "main/seed-0", WHERE)
        message = refused(pull, WHERE, tmp_path / "pulled")
        assert "datasets/tester/shared or models/tester/shared" in message
        place = parse_place("models/tester/shared")
        assert pull(place, tmp_path / "pulled").manifest.kind == "model"


class TestPushRefused:
    def test_without_a_token(self, hub, run, monkeypatch, tmp_path):
        from huggingface_hub import constants

        monkeypatch.delenv("HF_TOKEN")
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
        message = refused(push, run / "map/seed-0", WHERE)
        assert "there is none" in message
        assert "hf auth login" in message
        assert hub.requests == []

    def test_with_a_token_that_is_not_known(self, hub, run, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", "hf_wrong_one")
        message = refused(push, run / "map/seed-0", WHERE)
        assert "does not accept the token" in message
        assert "hf_wrong_one" not in message

    def test_to_somebody_else(self, hub, run):
        assert "write access" in refused(push, run / "map/seed-0", parse_place("other/shared"))

    def test_where_there_is_something(self, hub, run):
        push(run / "map/seed-0", WHERE)
        assert "--overwrite" in refused(push, run / "map/seed-0", WHERE)
        assert len(hub.repos["dataset", "tester/shared"].commits) == 2

    def test_a_public_repository_is_not_written_to_by_accident(self, hub, run):
        push(run / "map/seed-0", WHERE, public=True)
        message = refused(push, run / "reference/seed-0/dynamics", WHERE, overwrite=True)
        assert "everybody can read" in message
        push(run / "reference/seed-0/dynamics", WHERE, overwrite=True, public=True)

    def test_a_failed_upload_says_that_the_repository_is_there(self, hub, run):
        hub.fails_on = "/commit/"
        message = refused(push, run / "map/seed-0", WHERE)
        assert "was made and is empty" in message
        hub.fails_on = ""
        push(run / "map/seed-0", WHERE, overwrite=True)

    def test_no_connection(self, hub, run, monkeypatch):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        assert "cannot be reached" in refused(push, run / "map/seed-0", WHERE)

    def test_offline_by_choice(self, hub, run, monkeypatch):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert "HF_HUB_OFFLINE" in refused(push, run / "map/seed-0", WHERE)


class TestPullRefused:
    def test_nothing_there(self, hub, tmp_path):
        message = refused(pull, WHERE, tmp_path / "pulled")
        assert "no such repository, or it is private" in message
        assert list(tmp_path.glob("*pulled*")) == []

    def test_private_and_not_logged_in(self, hub, run, tmp_path, monkeypatch):
        push(run / "map/seed-0", WHERE)
        monkeypatch.delenv("HF_TOKEN")
        assert "private" in refused(pull, WHERE, tmp_path / "pulled")

    def test_no_such_revision(self, hub, run, tmp_path):
        push(run / "map/seed-0", WHERE)
        assert "--revision" in refused(pull, WHERE, tmp_path / "pulled", revision="v9")

    def test_not_shared_by_ftft(self, hub, run, tmp_path):
        push(run / "map/seed-0", WHERE)
        del hub.files("dataset", "tester/shared")["ftft.json"]
        assert "not shared by ftft push" in refused(pull, WHERE, tmp_path / "pulled")

    def test_a_file_is_gone(self, hub, run, tmp_path):
        push(run / "map/seed-0", WHERE)
        del hub.files("dataset", "tester/shared")["map.parquet"]
        assert "is not there" in refused(pull, WHERE, tmp_path / "pulled")
        assert list(tmp_path.glob("*pulled*")) == []

    def test_a_changed_file(self, hub, run, tmp_path):
        push(run / "map/seed-0", WHERE)
        files = hub.files("dataset", "tester/shared")
        files["map.parquet"] = files["map.parquet"][:-1] + b"x"
        assert "changed or damaged" in refused(pull, WHERE, tmp_path / "pulled")
        assert list(tmp_path.glob("*pulled*")) == []

    def test_an_existing_folder_costs_no_request(self, hub, tmp_path):
        (tmp_path / "pulled").mkdir()
        assert "already exists" in refused(pull, WHERE, tmp_path / "pulled")
        assert hub.requests == []

    def test_the_connection_breaks(self, hub, run, tmp_path, monkeypatch):
        from huggingface_hub import constants

        push(run / "map/seed-0", WHERE)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", NOWHERE)
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # between its attempts
        assert "cannot be reached" in refused(pull, WHERE, tmp_path / "pulled")

    def test_the_server_fails(self, hub, run, tmp_path):
        push(run / "map/seed-0", WHERE)
        hub.fails_on, hub.fails_with = "/resolve/", 418
        assert "418" in refused(pull, WHERE, tmp_path / "pulled")
