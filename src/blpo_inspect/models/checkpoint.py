"""From the name somebody typed to exactly one set of weights, without importing torch.

A Hub id becomes a commit, a folder becomes a digest of its files, so that "the same model" can be
told from the name alone. Nothing here loads or downloads weights except `fetch`.
"""

import hashlib
import importlib.metadata
import importlib.resources
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pydantic import JsonValue

from blpo_inspect._util.close_names import close_to
from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.model_args import ModelSettings

EMBEDDED = "shapes-judge"
"""Name of the checkpoint that lies inside this package."""

PROCESSOR_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "special_tokens_map.json",
)

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FETCHED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")
_NOT_FETCHED = ("*/*.safetensors", "consolidated*.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """One exact set of weights: a folder with a digest, or a Hub repository at a commit."""

    name: str
    """As typed after ``hf-vlm/``; for messages only."""

    folder: Path | None
    """The local folder, or `None` for a Hub repository."""

    revision: str
    """``sha256:…`` of a folder's files, or the Hub commit."""

    def read_text(self, filename: str) -> str | None:
        """One small text file of the checkpoint, or `None` where it has no such file.

        Raises:
            CheckpointError: The Hub could not be asked.
        """
        if self.folder is not None:
            path = self.folder / filename
            return path.read_text(encoding="utf-8") if path.is_file() else None
        return _hub_text(self.name, self.revision, filename)

    def read_json(self, filename: str) -> dict[str, JsonValue]:
        """One JSON object of the checkpoint, empty where the file is missing.

        Raises:
            CheckpointError: The file is not a JSON object.
        """
        text = self.read_text(filename)
        if text is None:
            return {}
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise CheckpointError(f"{self.name}: {filename} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise CheckpointError(f"{self.name}: {filename} must hold a JSON object")
        return value

    def chat_template(self) -> str | None:
        """The checkpoint's own chat template: of its own file, else of a configuration file."""
        own = self.read_text("chat_template.jinja")
        if own is not None:
            return own
        for filename in ("chat_template.json", "processor_config.json", "tokenizer_config.json"):
            template = self.read_json(filename).get("chat_template")
            if isinstance(template, str):
                return template
        return None

    def fetch(self, *, code: bool) -> Path:
        """The folder with the weights; a Hub repository is downloaded at its commit if need be.

        Pickled weights are never fetched.

        Args:
            code: Whether Python files are wanted too.

        Raises:
            CheckpointError: The download failed, or there are no safetensors.
        """
        folder = self.folder
        if folder is None:
            from huggingface_hub import snapshot_download
            from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

            try:
                folder = Path(
                    snapshot_download(
                        self.name,
                        revision=self.revision,
                        allow_patterns=[*_FETCHED, *(["*.py"] if code else [])],
                        ignore_patterns=list(_NOT_FETCHED),
                    )
                )
            except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
                raise CheckpointError(f"{self.name}: cannot download commit {self.revision}: {error}") from error
        if not any(folder.glob("*.safetensors")):
            pickled = sorted(path.name for path in folder.glob("*.bin"))
            hint = f"; {', '.join(pickled)} would have to be unpickled, which can run code" if pickled else ""
            raise CheckpointError(f"{self.name}: no *.safetensors weights{hint}; convert it to safetensors")
        return folder


def resolve(name: str, revision: str | None = None) -> Checkpoint:
    """Find out which weights a name stands for.

    An existing folder wins over a Hub id. On the Hub, the commit of `revision` is asked for once
    per process, so that a branch that moves in between changes nothing; offline it is read from
    the local cache.

    Args:
        name: A Hub id, a folder, or `EMBEDDED`.
        revision: Branch, tag or commit on the Hub.

    Raises:
        CheckpointError: No such folder or repository, or the Hub cannot be asked.
    """
    folder = locate(name, revision)
    if folder is None:
        return Checkpoint(name, None, _hub_commit(name, revision or "main"))
    return Checkpoint(name, folder, folder_digest(folder))


def locate(name: str, revision: str | None = None) -> Path | None:
    """The folder that a name stands for; `None` for a Hub id. Asks nobody and reads no weights.

    Args:
        name: As for `resolve`.
        revision: As for `resolve`.

    Raises:
        CheckpointError: There is surely no such checkpoint here, and none to download.
    """
    if name == EMBEDDED:
        folder = Path(str(importlib.resources.files("blpo_inspect"))) / "world" / "judge"
    else:
        folder = Path(os.path.expanduser(name))  # noqa: PTH111  # pathlib's fails where there is no such user
    if folder.is_dir():
        if revision is not None:
            raise CheckpointError(f"{name}: revision={revision!r} is for Hub ids, but this is a folder")
        if not (folder / "config.json").is_file():
            raise CheckpointError(f"{name}: the folder has no config.json, so it is not a checkpoint")
        return folder
    if name == EMBEDDED or name.startswith((".", "~")) or folder.is_absolute():
        raise CheckpointError(f"{name}: no such folder: {folder}{_meant(name)}")
    if not _HUB_ID.fullmatch(name):
        raise CheckpointError(f"{name}: neither an existing folder nor a Hub id (owner/name){_meant(name)}")
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        _hub_commit(name, revision or "main")
    return None


def _meant(name: str) -> str:
    """What somebody may have meant who typed a name that is none."""
    if Path(f"/{name}").is_dir():
        return f"; for the folder /{name} write hf-vlm//{name}"
    beside = Path(os.path.expanduser(name)).parent  # noqa: PTH111
    known = [EMBEDDED]
    with suppress(OSError):
        known += [str(file.parent) for file in beside.glob("*/config.json")]
    close = close_to(name, known)
    return f"; did you mean hf-vlm/{close}?" if close else ""


def identity(checkpoint: Checkpoint, settings: ModelSettings) -> dict[str, JsonValue]:
    """Everything that decides an answer besides the request, as plain JSON.

    The folder's path is left out, so that a copied checkpoint stays the same model. A dtype that
    was not asked for is ``default``: it depends on the machine's device and is recorded with each
    output instead.
    """
    template = settings.chat_template or checkpoint.chat_template()
    processor = hashlib.sha256()
    for filename in PROCESSOR_FILES:
        text = checkpoint.read_text(filename)
        processor.update(f"{filename}\0{_sha256(text)}\n".encode())
    return {
        "kind": "hub" if checkpoint.folder is None else "folder",
        "id": checkpoint.name if checkpoint.folder is None else None,
        "revision": checkpoint.revision,
        "dtype": settings.dtype or "default",
        "quantization": settings.quantization,
        "attn_implementation": settings.attn_implementation or "default",
        "chat_template": _sha256(template),
        # absent otherwise, so that calls recorded before it existed keep their keys
        **({"deterministic": True} if settings.deterministic else {}),
        "processor": processor.hexdigest(),
        "transformers": importlib.metadata.version("transformers"),
        "torch": importlib.metadata.version("torch"),
    }


def folder_digest(folder: Path) -> str:
    """``sha256:…`` over the relative paths and contents of all files, hidden ones left out.

    A file is read again only when its size or modification time changed.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        relative = path.relative_to(folder)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            continue
        if path.is_file():
            digest.update(f"{relative.as_posix()}\0{_file_digest(path)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


_file_digests: dict[tuple[str, int, int], str] = {}
_commits: dict[tuple[str, str], str] = {}
_lock = Lock()


def _file_digest(path: Path) -> str:
    stat = path.stat()
    key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    with _lock:
        known = _file_digests.get(key)
    if known is None:
        with path.open("rb") as file:
            known = hashlib.file_digest(file, "sha256").hexdigest()
        with _lock:
            _file_digests[key] = known
    return known


def _sha256(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def _hub_commit(name: str, revision: str) -> str:
    with _lock:
        known = _commits.get((name, revision))
    if known is None:
        known = _ask_hub(name, revision)
        with _lock:
            known = _commits.setdefault((name, revision), known)
    return known


def _ask_hub(name: str, revision: str) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    from blpo_inspect._util.hub_commit import hub_commit

    try:
        return hub_commit(name, revision, "model")
    except GatedRepoError as error:
        raise CheckpointError(f"{name}: access must be granted on the Hub first: {error}") from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{name}: the Hub has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(
            f"{name}: neither an existing folder nor a repository on the Hub (or a private one: set HF_TOKEN)"
        ) from error
    except Exception as error:  # network trouble has many types
        offline = isinstance(error, OfflineModeIsEnabled)
        reason = str(error) if offline else f"the Hub cannot be reached: {type(error).__name__}: {error}"
        raise CheckpointError(
            f"{name}: {reason}, and revision {revision!r} is neither a folder nor in the local cache"
            f" {constants.HF_HUB_CACHE}{_meant(name)}"
        ) from error


def _hub_text(name: str, commit: str, filename: str) -> str | None:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RemoteEntryNotFoundError,
    )

    try:
        path = hf_hub_download(name, filename, revision=commit)
    except RemoteEntryNotFoundError:
        return None
    except (HfHubHTTPError, OSError) as error:
        # offline, a file that is not in the local cache is taken not to exist
        if constants.HF_HUB_OFFLINE and isinstance(error, LocalEntryNotFoundError):
            return None
        raise CheckpointError(f"{name}: cannot read {filename} at commit {commit}: {error}") from error
    return Path(path).read_text(encoding="utf-8")
