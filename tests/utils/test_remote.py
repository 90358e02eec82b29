"""Files that are elsewhere: in a memory that stands for a bucket, and on a web server."""

import functools
import http.server
import ssl
import threading
from contextlib import contextmanager

import fsspec
import numpy as np
import pytest
import yaml

from ftft import DataMap, TrainingDynamics, load_experiment
from ftft.config.formats import format_by_name
from ftft.data.load import load_data
from ftft.errors import DataError, SharingError, WorkspaceError
from ftft.utils import remote
from ftft.utils.local import check_local
from ftft.utils.remote import is_remote, local_copy, problem_of, without_secrets
from ftft.utils.web_page import raw_address
from ftft.workspace.layout import check_writable

ROWS = "text,label\ngood,1\nbad,0\nfine,1\ndull,0\n"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv(remote.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bucket():
    """Writes files under ``memory://bucket``."""
    system = fsspec.filesystem("memory")

    def put(name, content):
        system.pipe_file(f"/bucket/{name}", content.encode())
        return f"memory://bucket/{name}"

    yield put
    system.rm("/bucket", recursive=True)


@contextmanager
def served(folder):
    """A web server of a folder, and a list of the requests it got."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.command)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://bucket/a.csv", True),
        ("hf://datasets/a/b.csv", True),
        ("a.csv", False),
        ("/a/b.csv", False),
        ("C:\\a.csv", False),
        ("C:/a.csv", False),
        ("stanfordnlp/sst2", False),
    ],
)
def test_what_is_a_url(place, expected):
    assert is_remote(place) == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://me:pw@host/a", "ftp://…@host/a"),
        ("s3://me:p@w@bucket/a", "s3://…@bucket/a"),
        ("https://TOKEN@host/a.csv", "https://…@host/a.csv"),
        ("https://host/a.csv?X-Amz-Signature=ab", "https://host/a.csv?…"),
        ("https://host/a.csv?v=1&sig=ab", "https://host/a.csv?…"),
        ("https://host/a.csv?AWSAccessKeyId=ab&Signature=cd", "https://host/a.csv?…"),
        ("https://host/a.csv?api-key=ab", "https://host/a.csv?…"),
        ("https://host/a.csv?access%5Ftoken=ab", "https://host/a.csv?…"),
        ("https://host/a.csv?v=1;KEY=ab", "https://host/a.csv?…"),
        ("https://host/a.csv#access_token=ab", "https://host/a.csv#…"),
        ("zip://a.csv::https://me:pw@host/a.zip", "zip://a.csv::https://…@host/a.zip"),
        ("simplecache::s3://bucket/a", "simplecache::s3://bucket/a"),
    ],
)
def test_what_would_be_copied_into_run_folders_is_refused_and_not_shown(url, shown):
    assert without_secrets(url) == shown
    assert shown in problem_of(url)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "temp_url_sig",
            "Ocp-Apim-Subscription-Key",
            "download_token",
            "gitlab-token",
            "auth_key",
        ),
        *("x-functions-key", "x-cos-security-token", "q-signature", "accessKeyId", "userToken"),
        *("GoogleAccessId", "tempauth", "passphrase", "HF_TOKEN", "AccessToken", "X-OSS-Signature"),
    ],
)
def test_names_of_secrets_in_any_spelling(name):
    assert "holds a password, a token or a signature" in problem_of(f"https://h/a.csv?v=1&{name}=b")


@pytest.mark.parametrize(
    "place",
    [
        *("abfs://data@account.net/a", "hf://datasets/o/n@main/a.csv", "https://h/a?v=1", "a:b@c"),
        *("https://h/a?monkey=1", "https://h/a?design=b&primary_key=id", "https://h/key=1/a.csv"),
        *("https://h/a?page_token=2", "https://h/a?q=the+token", "s3://b/a.csv?versionId=3"),
    ],
)
def test_what_is_not(place):
    assert problem_of(place) == ""


def test_a_name_with_a_hash_is_shown_whole():
    assert without_secrets("s3://bucket/a#b.csv") == "s3://bucket/a#b.csv"


class TestLocalCopy:
    def test_each_version_is_fetched_once(self, bucket, monkeypatch):
        url = bucket("train.csv", ROWS)
        first = local_copy(url, DataError)
        assert (first.name, first.read_text()) == ("train.csv", ROWS)
        system = fsspec.filesystem("memory")
        monkeypatch.setattr(type(system), "get_file", None)
        assert local_copy(url, DataError) == first
        monkeypatch.undo()
        assert local_copy(bucket("train.csv", ROWS + "new,1\n"), DataError) != first

    def test_from_a_web_server(self, tmp_path):
        (tmp_path / "train.csv").write_text(ROWS)
        with served(tmp_path) as (url, asked):
            first = local_copy(f"{url}/train.csv", DataError)
            assert first.read_text() == ROWS
            before = asked.count("GET")
            assert local_copy(f"{url}/train.csv", DataError) == first
            assert asked.count("GET") <= before + 1, "its version alone is asked for"
            with pytest.raises(
                DataError, match=r"absent.csv does not exist: its server answers 404"
            ):
                local_copy(f"{url}/absent.csv", DataError)
            (tmp_path / "page.csv").write_text("\n<!DOCTYPE html>\n<html></html>")
            for _ in range(2):  # it is not kept for the next time
                with pytest.raises(DataError, match=r"^http://.*/page.csv is a web page \(HTML\)"):
                    local_copy(f"{url}/page.csv", DataError)
            version = local_copy(f"{url}/train.csv?version={'1' * 300}", DataError)
            assert (version.name, version.read_text()) == ("train.csv", ROWS)
            assert format_by_name(f"{url}/train.csv?version=1") == "csv"
        with pytest.raises(DataError, match=r"its server cannot be reached \("):
            local_copy(f"{url}/train.csv", DataError)

    def test_a_certificate_that_nobody_vouches_for(self, bucket, monkeypatch):
        def untrusted(self, path, **more):
            cause = ssl.SSLCertVerificationError(1, "self-signed certificate")
            raise FileNotFoundError(path) from cause

        url = bucket("train.csv", ROWS)
        monkeypatch.setattr(type(fsspec.filesystem("memory")), "info", untrusted)
        with pytest.raises(DataError, match=r"self-signed certificate.*SSL_CERT_FILE") as caught:
            local_copy(url, DataError)
        assert "cannot be reached" not in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("memory://bucket/absent.csv", "does not exist, or you may not see it"),
            ("memory://bucket", "is a folder, where a file was expected"),
            ("nope://bucket/a.csv", "nope://bucket/a.csv cannot be read .*Protocol not known"),
        ],
    )
    def test_what_cannot_be_had(self, bucket, url, message):
        bucket("train.csv", ROWS)
        with pytest.raises(DataError, match=message):
            local_copy(url, DataError)

    def test_a_file_system_that_is_not_installed(self, monkeypatch):
        def absent(url):
            raise ImportError("Install s3fs to access S3")

        monkeypatch.setattr(fsspec.core, "url_to_fs", absent)
        with pytest.raises(SharingError, match=r"Install s3fs.*pip \(s3fs for s3://"):
            local_copy("s3://bucket/a.csv", SharingError)

    def test_a_broken_download_leaves_nothing(self, bucket, cache, monkeypatch):
        url = bucket("train.csv", ROWS)

        def broken(self, path, target, **more):
            with open(target, "w") as file:
                file.write("text,la")
            raise PermissionError("no more")

        monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", broken)
        with pytest.raises(DataError, match="access is denied"):
            local_copy(url, DataError)
        assert [one for one in cache.rglob("*") if one.is_file()] == []


class TestData:
    def experiment(self, tmp_path, tiny_model, **train):
        values = {
            "name": "far",
            "data": {"train": {"text": "text", "label": "label", **train}},
            "reference": {"model": str(tiny_model)},
            "main": {"model": str(tiny_model)},
        }
        file = tmp_path / "experiment.yaml"
        file.write_text(yaml.safe_dump(values))
        return file

    def test_is_read_as_a_file_here_is(self, bucket, tmp_path, tiny_model):
        rows = ROWS + "".join(f"film {n},{n % 2}\n" for n in range(40))
        (tmp_path / "train.csv").write_text(rows)
        near = load_experiment(self.experiment(tmp_path, tiny_model, path="train.csv"))
        far = self.experiment(tmp_path, tiny_model, path=bucket("train.csv", rows))
        experiment = load_experiment(far)
        assert experiment.data.train[0].path == "memory://bucket/train.csv"
        assert load_data(experiment.data).fingerprint == load_data(near.data).fingerprint

    def test_errors_name_the_url(self, bucket, tmp_path, tiny_model):
        url = bucket("train.csv", "text,class\ngood,1\n")
        experiment = load_experiment(self.experiment(tmp_path, tiny_model, path=url))
        with pytest.raises(DataError) as error:
            load_data(experiment.data)
        assert url in str(error.value)
        assert "cache" not in str(error.value)

    @pytest.mark.parametrize("login", ["me:pw", "$LOGIN"])
    def test_a_password_is_refused(self, ftft, tmp_path, tiny_model, monkeypatch, login):
        monkeypatch.setenv("LOGIN", "me:pw")
        file = self.experiment(tmp_path, tiny_model, path=f"ftp://{login}@host/train.csv")
        said = ftft("validate", file)
        assert said.code == 2
        assert "data.train.path" in said.err
        assert "holds a password" in said.err
        assert "pw@" not in said.err


def test_init_of_urls(ftft, bucket, tmp_path):
    """The experiment names the URLs, as they are, wherever it is written to."""
    train = bucket("reviews/train.csv", ROWS * 3)
    other = bucket("reviews/other.csv", ROWS)
    bucket("reviews/dev.csv", ROWS)
    written = tmp_path / "deep" / "experiment.yaml"
    written.parent.mkdir()
    done = ftft("init", train, "--ood", other, "-o", str(written))
    assert done.code == 0, done.err
    assert str(tmp_path / "cache") not in done.err
    experiment = load_experiment(written)
    assert experiment.name == "reviews-train"
    (source,) = experiment.data.train
    assert source.path == train
    assert experiment.data.test_ood["other"].path == other
    assert experiment.data.dev == {}
    assert len(load_data(experiment.data).train) > 0


def test_init_names_the_url_in_what_it_refuses(ftft, bucket, cache):
    place = bucket("empty.csv", "text,label\n")
    refused = ftft("init", place)
    assert refused.err.startswith("error: ")
    assert place in refused.err
    assert str(cache) not in refused.err
    assert "memory://bucket/none.csv does not exist" in ftft("init", "memory://bucket/none.csv").err
    refused = ftft("init", "https://me:word@host/train.csv")
    assert "holds a password" in refused.err
    assert "word@" not in refused.err


@pytest.fixture
def drawn(tmp_path):
    """A map of four examples."""
    logits = np.random.default_rng(0).normal(size=(3, 4, 2))
    datamap = DataMap.from_dynamics(TrainingDynamics.from_arrays(logits, [0, 1] * 2))
    path = tmp_path / "map.parquet"
    datamap.write(path)
    return str(path)


def test_export_to_urls(ftft, bucket, drawn):
    system = fsspec.filesystem("memory")
    bucket("there.jsonl", "old")
    done = ftft("export", drawn, "memory://bucket/new.jsonl")
    assert done.code == 0, done.err
    assert "4 rows written to memory://bucket/new.jsonl" in done.out + done.err
    assert len(system.cat_file("/bucket/new.jsonl").splitlines()) == 4
    refused = ftft("export", drawn, "memory://bucket/there.jsonl")
    assert "memory://bucket/there.jsonl already exists" in refused.err
    assert system.cat_file("/bucket/there.jsonl") == b"old"
    assert ftft("export", drawn, "memory://bucket/there.jsonl", "--overwrite").code == 0
    assert len(system.cat_file("/bucket/there.jsonl").splitlines()) == 4
    assert ftft("export", drawn, "memory://bucket/folder").code == 0
    assert {"/bucket/folder/state.json", "/bucket/folder/dataset_info.json"} <= {
        *system.find("/bucket/folder")
    }
    refused = ftft("export", drawn, "memory://bucket/folder", "--overwrite")
    assert "memory://bucket/folder already exists" in refused.err
    assert "names a bucket or a host and nothing in it" in ftft("export", drawn, "s3://a.csv").err
    refused = ftft("export", drawn, "memory://bucket/map.txt")
    assert refused.err.startswith("error: memory://bucket/map.txt: ")


@pytest.mark.parametrize(
    "command",
    [
        ("select", "map.parquet", "-o", "s3://bucket/selection.parquet"),
        ("report", "map.parquet", "-o", "s3://bucket/report.html"),
        ("init", "memory://bucket/train.csv", "-o", "s3://bucket/e.yaml"),
        ("demo", "-o", "s3://bucket/demo"),
        ("demo", "-o", "zip::s3://bucket/demo"),
    ],
)
def test_nothing_else_is_written_to_a_url(ftft, bucket, drawn, tmp_path, monkeypatch, command):
    """A folder called "s3:" would be made else, without a word."""
    bucket("train.csv", ROWS)
    monkeypatch.chdir(tmp_path)
    before = {*tmp_path.rglob("*")}
    refused = ftft(*command)
    assert refused.code == 2
    assert "s3://bucket/" in refused.err, refused.err
    assert "is a URL, where a path on this machine was expected" in refused.err
    assert {one for one in tmp_path.rglob("*") if "cache" not in one.parts} == before


def test_run_folders_are_paths():
    with pytest.raises(WorkspaceError, match="s3://bucket/runs/mine is a URL, where a path"):
        check_writable("s3://bucket/runs/mine")
    check_local("C:/runs/mine", WorkspaceError)
    with pytest.raises(WorkspaceError, match=r"^https://… is a URL"):
        check_local("https://me:word@host/run", WorkspaceError)


def test_a_local_file_is_named_as_it_was_given(ftft):
    """A short name would be found in the middle of words."""
    said = "error: . is a folder, where a file was expected. Give a CSV, TSV, JSON lines or Parquet"
    assert ftft("init", "./").err.startswith(said)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "https://github.com/me/data/blob/main/a/train.csv",
            "https://raw.githubusercontent.com/me/data/main/a/train.csv",
        ),
        (
            "https://huggingface.co/datasets/me/data/blob/main/train.csv",
            "https://huggingface.co/datasets/me/data/resolve/main/train.csv",
        ),
        (
            "https://gitlab.com/me/data/-/blob/main/a.csv",
            "https://gitlab.com/me/data/-/raw/main/a.csv",
        ),
        ("https://host/train.csv", "the address of the file itself"),
    ],
)
def test_the_address_of_the_file_behind_a_page(page, expected):
    assert raw_address(page).startswith(expected)


def test_a_page_that_was_saved_by_the_name_of_a_file(ftft, tmp_path):
    (tmp_path / "train.csv").write_text("<html><body>text,label</body></html>")
    refused = ftft("init", "train.csv")
    assert refused.code == 2
    assert "train.csv is a web page (HTML), where a data file was expected" in refused.err


@pytest.mark.parametrize(
    "line",
    [
        ("map", "https://host/a"),
        ("select", "s3://bucket/map.parquet"),
        ("export", "https://host/a", "out.csv"),
        ("transfer", "map.parquet", "https://host/a"),
        ("validate", "https://host/a"),
        ("export", "map.parquet", "out.csv", "--rows", "https://host/a"),
    ],
)
def test_a_url_where_a_path_is_read(ftft, line):
    (url,) = (one for one in line if "://" in one)
    refused = ftft(*line)
    assert refused.code == 2
    assert f"error: {url} is a URL, where a path on this machine was expected" in refused.err
