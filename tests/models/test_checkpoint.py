import hashlib
import importlib.resources
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect.models.checkpoint import folder_digest, identity, resolve
from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.model_args import ModelSettings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_identity_follows_the_content_and_not_the_place(llava: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(llava, copy)
    before = HfVlmAPI(str(copy)).identity()
    assert before == HfVlmAPI(str(llava)).identity()
    assert json.loads(json.dumps(before)) == before

    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config) + " ")
    after = HfVlmAPI(str(copy)).identity()
    assert {key for key in before if before[key] != after[key]} == {"revision"}

    (copy / "chat_template.jinja").write_text("{{ messages }}")
    assert HfVlmAPI(str(copy)).identity()["chat_template"] != after["chat_template"]


def _with(folder: Path, name: str, value: Any) -> HfVlmAPI:
    return HfVlmAPI(str(folder), **{name: value})


def test_identity_follows_the_settings(llava: Path) -> None:
    plain = HfVlmAPI(str(llava)).identity()
    for name, value in (
        ("dtype", "bfloat16"),
        ("quantization", "4bit"),
        ("chat_template", "{{ 1 }}"),
        ("attn_implementation", "eager"),
    ):
        changed = _with(llava, name, value).identity()
        assert {key for key in plain if plain[key] != changed[key]} == {name}
    assert HfVlmAPI(str(llava), max_batch_size=2).identity() == plain


def test_an_instance_stays_with_what_it_saw_first(llava: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(llava, copy)
    api = HfVlmAPI(str(copy))
    before = api.identity()
    (copy / "config.json").write_text("{}")
    assert api.identity() == before


def test_an_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("1")
    first = folder_digest(tmp_path)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert folder_digest(tmp_path) == first


def test_the_digest_sees_names_contents_and_no_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = folder_digest(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x").write_text("1")
    assert folder_digest(tmp_path) == first
    (tmp_path / "a").rename(tmp_path / "b")
    assert folder_digest(tmp_path) != first


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/nowhere-at-all", "a/b/c", "a b"])
def test_what_is_neither_folder_nor_hub_id(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"no such folder|neither an existing folder"):
        resolve(name)


def test_a_forgotten_slash_is_pointed_out(llava: Path) -> None:
    with pytest.raises(CheckpointError, match=f"write hf-vlm/{llava}"):
        resolve(str(llava).lstrip("/"))


def test_a_folder_has_no_revision_and_needs_a_config(llava: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="this is a folder"):
        resolve(str(llava), "main")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        resolve(str(tmp_path))


def test_the_embedded_checkpoint(llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.resources, "files", lambda package: tmp_path)
    with pytest.raises(CheckpointError, match="shapes-judge: no such folder"):
        resolve("shapes-judge")
    shutil.copytree(llava, tmp_path / "world" / "judge")
    assert resolve("shapes-judge").revision == resolve(str(llava)).revision


def test_a_commit_is_its_own_answer() -> None:
    assert resolve("org/model", COMMIT).revision == COMMIT


def test_without_torch_until_the_first_answer_and_the_hub_offline(llava: Path, tmp_path: Path) -> None:
    """Neither registering nor identity imports torch; a repository in the local cache works offline at the commit its
    branch points to.
    """
    repository = tmp_path / "hub" / "models--org--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.copytree(llava, repository / "snapshots" / COMMIT)
    code = f"""
import anyio, sys
import blpo_inspect._registry
from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.hf_vlm import HfVlmAPI
from inspect_ai.model import ChatMessageUser, GenerateConfig, get_model

model = get_model("hf-vlm/{llava}")
assert model.api.identity()["kind"] == "folder"
assert model.api.max_tokens() == 24, "the checkpoint's own"
assert not {{"torch", "transformers"}} & set(sys.modules), "imported"

api = HfVlmAPI("org/tiny")
identity = api.identity()
assert (identity["kind"], identity["id"], identity["revision"]) == ("hub", "org/tiny", "{COMMIT}")
assert identity["chat_template"] is not None
assert not {{"torch", "transformers"}} & set(sys.modules), "imported"
for name, revision in (("org/unknown", None), ("org/tiny", "other")):
    try:
        HfVlmAPI(name, revision=revision)
    except CheckpointError as error:
        assert "HF_HUB_OFFLINE" in str(error) and name in str(error)
    else:
        raise AssertionError("resolved")
output, _ = anyio.run(
    api.generate, [ChatMessageUser(content="is this")], [], "none", GenerateConfig(max_tokens=2)
)
assert output.metadata["checkpoint"] == identity
print("answered")
"""
    said = _run(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path), HF_HUB_CACHE=str(tmp_path / "hub"))
    assert said.strip().endswith("answered")


def test_identity_is_the_same_whether_settings_are_spelt_out(llava: Path) -> None:
    found = resolve(str(llava))
    assert identity(found, ModelSettings()) == identity(found, ModelSettings(max_batch_size=1))
