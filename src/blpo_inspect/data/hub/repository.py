"""One dataset repository of the hub at one commit: its files whole, or to be read in part."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from blpo_inspect._util.hub_commit import hub_commit
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub.hub_errors import explained
from blpo_inspect.data.hub.partial_files import Pieces
from blpo_inspect.data.hub.ranges import RangeFile


@dataclass(frozen=True)
class Repository:
    """A dataset repository.

    Attributes:
        id: ``owner/name``.
        revision: A commit, or a branch or tag, which is looked up once.
    """

    id: str
    revision: str

    @cached_property
    def commit(self) -> str:
        """The revision's commit; where the hub gives no answer, the last one that is known.

        Raises:
            PrerequisiteError: No such repository or revision, no access, or the hub gives no answer and no commit is
                known.
        """
        known = Pieces(self.id, "revisions")
        last = known.get_json(self.revision)
        with explained(self.id, self.revision):
            commit = hub_commit(self.id, self.revision, "dataset", last if isinstance(last, str) else None)
        if commit not in (last, self.revision):
            known.put_json(self.revision, commit)
        return commit

    def files(self) -> list[str]:
        """The paths of all files.

        Raises:
            PrerequisiteError: As `commit`.
        """
        kept = self.pieces()
        listed = kept.get_json("files")
        if listed is None:
            with explained(self.id, self.commit):
                listed = sorted(HfApi().list_repo_files(self.id, repo_type="dataset", revision=self.commit))
            kept.put_json("files", listed)
        return [str(path) for path in listed]

    def cached(self, path: str) -> Path | None:
        """The file, if it is in the cache as a whole."""
        kept = try_to_load_from_cache(self.id, path, revision=self.commit, repo_type="dataset")
        return Path(kept) if isinstance(kept, str) else None

    def download(self, path: str) -> Path:
        """The whole file, from the cache if it is there; with the hub's progress bar.

        Raises:
            PrerequisiteError: It cannot be had; says why and what to do.
        """
        with explained(self.id, self.commit, path):
            return Path(hf_hub_download(self.id, path, revision=self.commit, repo_type="dataset"))

    def open(self, path: str) -> RangeFile:
        """The file, to be read in part.

        Raises:
            PrerequisiteError: As `download`.
        """
        url = hf_hub_url(self.id, path, revision=self.commit, repo_type="dataset")
        with explained(self.id, self.commit, path):
            size = get_hf_file_metadata(url).size
        if size is None:
            raise PrerequisiteError(f"{self.id} at {self.commit}, {path}: the hub does not say how large it is")
        return RangeFile(url, size, build_hf_headers())

    def pieces(self, path: str = "") -> Pieces:
        """What is kept of a file that was read in part."""
        return Pieces(self.id, self.commit, path)
