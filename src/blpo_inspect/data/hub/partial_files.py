"""Parts of a repository's large files, kept beside the hub's own cache of whole files.

A piece's file name is a digest of its name in the archive, so that no name from outside becomes a path. Removing the
repository from the hub's cache (``hf cache rm``) removes its pieces.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from blpo_inspect._util.files import written_whole


@dataclass(frozen=True)
class Unusable:
    """A piece that will never be had, and why."""

    reason: str


@dataclass(frozen=True)
class Pieces:
    """What is kept of one file of a repository at one commit."""

    repository: str
    commit: str
    path: str = ""

    def get(self, name: str) -> Path | Unusable | None:
        """The piece, why there is none, or None where it was not asked for yet."""
        path = self._file(name)
        if path.is_file():
            return path
        refused = path.with_suffix(".refused")
        return Unusable(refused.read_text(encoding="utf-8")) if refused.is_file() else None

    def put(self, name: str, content: bytes | Unusable) -> Path | Unusable:
        """Keep a piece, or why there is none."""
        path = self._file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Unusable):
            with written_whole(path.with_suffix(".refused")) as file:
                file.write(content.reason.encode())
            return content
        with written_whole(path) as file:
            file.write(content)
        return path

    def get_json(self, name: str) -> Any:
        """What `put_json` kept, else None."""
        piece = self.get(f"json {name}")
        return json.loads(piece.read_bytes()) if isinstance(piece, Path) else None

    def put_json(self, name: str, value: Any) -> None:
        """Keep something that is expensive to read again, such as an archive's directory."""
        self.put(f"json {name}", json.dumps(value).encode())

    def _file(self, name: str) -> Path:
        folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=self.repository, repo_type="dataset")
        return folder / "pieces" / self.commit / _digest(self.path)[:16] / _digest(name)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]
