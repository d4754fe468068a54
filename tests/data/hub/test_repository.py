"""A dataset repository: revisions, whole files, and what is said where they cannot be had."""

import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub import Repository, fetch_members
from tests.data.hub.server import TOKEN, Hub

COMMIT = "ab12" * 10
FILES = {"labels.csv": b"image,label\n", "large.bin": bytes(20_000), "sub folder/x=1.txt": b"x"}


@pytest.fixture
def served(hub: Hub) -> Hub:
    """Three repositories: one open, one gated, and a new name of the first."""
    hub.add("owner/open", FILES, commit=COMMIT)
    hub.add("owner/gated", FILES, commit=COMMIT, gated=True)
    hub.renamed["owner/old"] = "owner/open"
    return hub


@pytest.mark.parametrize("name", ["owner/open", "owner/old"])
@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_files(served: Hub, name: str, revision: str) -> None:
    repository = Repository(name, revision)
    assert repository.commit == COMMIT
    assert repository.files() == sorted(FILES)
    for path, content in FILES.items():
        assert repository.cached(path) is None
        assert repository.download(path).read_bytes() == content
        assert repository.cached(path) is not None


def test_everything_asked_for_once_is_there_offline(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Repository("owner/open", "main")
    assert first.download("labels.csv") and first.files()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = len(served.requests)
    again = Repository("owner/open", "main")
    assert again.commit == COMMIT and again.files() == first.files()
    assert again.download("labels.csv").read_bytes() == FILES["labels.csv"]
    with pytest.raises(PrerequisiteError, match=r"large.bin: it is not in the cache and HF_HUB_OFFLINE is set; run"):
        again.download("large.bin")
    with pytest.raises(PrerequisiteError, match="HF_HUB_OFFLINE"):
        again.open("large.bin")
    assert len(served.requests) == asked


def test_a_token_goes_to_the_hub_only(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    repository = Repository("owner/gated", COMMIT)
    assert repository.download("large.bin").stat().st_size == 20_000
    assert repository.open("large.bin").fetch(5, 9) == bytes(4)
    elsewhere = [request for request in served.requests if request.path.startswith("/cdn/")]
    assert len(elsewhere) == 2
    assert not any(request.authorized for request in elsewhere)


@pytest.mark.parametrize(
    ("name", "revision", "path", "token", "messages"),
    [
        ("owner/gated", COMMIT, "labels.csv", None, ["gated", "/datasets/owner/gated", "HF_TOKEN, or hf auth login"]),
        ("owner/gated", COMMIT, "labels.csv", "hf_secret", ["gated", "the account of the token in use has no access"]),
        ("owner/nothing", COMMIT, "labels.csv", None, ["owner/nothing", "no such dataset", "or a private one"]),
        ("owner/open", "v9", "labels.csv", None, ["owner/open at v9: the dataset has no such revision"]),
        ("owner/open", "f" * 40, "labels.csv", None, ["ffff, labels.csv: the dataset has no such revision"]),
        ("owner/open", COMMIT, "none.csv", None, [f"owner/open at {COMMIT}, none.csv: the dataset has no such file"]),
    ],
)
def test_what_cannot_be_had(
    served: Hub,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    revision: str,
    path: str,
    token: str | None,
    messages: list[str],
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    repository = Repository(name, revision)
    for get in (repository.download, repository.open):
        with pytest.raises(PrerequisiteError) as caught:
            get(path)
        for message in messages:
            assert message in str(caught.value.message)
        assert "hf_secret" not in str(caught.value.message)


def test_no_network(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Repository("owner/open", "main")
    kept = first.download("labels.csv")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the library tries five times
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    )
    again = Repository("owner/open", "main")
    assert again.commit == COMMIT, "as it was last time"
    assert again.download("labels.csv") == kept
    for get in (again.download, again.open):
        with pytest.raises(PrerequisiteError, match=r"cannot be reached.*check the network or proxy"):
            get("large.bin")
    with pytest.raises(PrerequisiteError, match=r"owner/gated at main: http://127.0.0.1:9 cannot be reached"):
        _ = Repository("owner/gated", "main").commit
    with pytest.raises(PrerequisiteError, match="cannot be reached"):
        fetch_members(Repository("owner/open", COMMIT), "images.zip", ["a.png"])


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "is not valid"), (403, "may not read it"), (429, "too many requests"), (503, "try again")],
)
def test_a_hub_in_trouble(served: Hub, monkeypatch: pytest.MonkeyPatch, status: int, hint: str) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    served.fault = status
    repository = Repository("owner/open", COMMIT)
    for get in (repository.download, repository.open):
        with pytest.raises(PrerequisiteError) as caught:
            get("large.bin")
        assert f"answered with status {status}: " in str(caught.value.message)
        assert hint in str(caught.value.message)


def test_the_last_known_commit_counts_while_the_hub_gives_no_answer(
    served: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert Repository("owner/open", "main").commit == COMMIT
    served.fault = 503
    assert Repository("owner/open", "main").commit == COMMIT, "as noted last time"
    with pytest.raises(PrerequisiteError, match=r"owner/gated at main: .* answered with status 503"):
        _ = Repository("owner/gated", "main").commit
    noted = Path(constants.HF_HUB_CACHE) / "datasets--owner--gated" / "refs" / "main"
    noted.parent.mkdir(parents=True)
    noted.write_text(COMMIT)
    assert Repository("owner/gated", "main").commit == COMMIT, "as the hub's library noted"


def test_a_folder_that_cannot_be_written(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    with pytest.raises(PrerequisiteError, match="cannot be read, or not be kept in"):
        Repository("owner/open", COMMIT).download("labels.csv")
