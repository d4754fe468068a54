"""A branch or tag of a repository on the Hugging Face Hub → the commit that it names."""

import re
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

_COMMIT = re.compile(r"[0-9a-f]{40}")


def hub_commit(
    repository: str, revision: str, repo_type: Literal["model", "dataset"], last_known: str | None = None
) -> str:
    """The commit of a revision; a commit is returned as it is.

    Where the Hub gives no answer, the commit is the last one that is known: `last_known`, else the one that the Hub's
    library noted in its cache.

    Args:
        repository: ``owner/name``.
        revision: A branch, a tag, or a commit of 40 hexadecimal digits.
        repo_type: What kind of repository it is.
        last_known: The commit that the revision named last time.

    Raises:
        GatedRepoError: The Hub denies access to the repository.
        RevisionNotFoundError: The repository has no such revision.
        RepositoryNotFoundError: There is no such repository, or it is private.
        OfflineModeIsEnabled: ``HF_HUB_OFFLINE`` is set, and no commit is known.
        Exception: What the Hub's library raised where the Hub gave no answer, and no commit is known.
    """
    if _COMMIT.fullmatch(revision):
        return revision
    try:
        if constants.HF_HUB_OFFLINE:
            raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
        commit = HfApi().repo_info(repository, repo_type=repo_type, revision=revision, timeout=30).sha
        if commit is None:
            raise FileMetadataError("the Hub names no commit; give one as the revision")
    except (GatedRepoError, RevisionNotFoundError, RepositoryNotFoundError):
        raise
    except Exception:  # network trouble has many types
        commit = last_known or _noted_commit(repository, revision, repo_type)
        if commit is None:
            raise
    return commit


def _noted_commit(repository: str, revision: str, repo_type: str) -> str | None:
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type=repo_type)
    ref = folder / "refs" / revision
    return ref.read_text(encoding="utf-8").strip() if ref.is_file() else None
