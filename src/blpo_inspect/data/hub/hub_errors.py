"""What the hub's library raises → one message that says what is missing, where, and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from blpo_inspect._util.inspect_internals import PrerequisiteError

HTTP_ERROR: type[Exception] = HfHubHTTPError.__bases__[0]
"""The base of every error of the HTTP library in use: httpx or httpx2, by the version of huggingface_hub."""


@contextmanager
def explained(repository: str, revision: str, path: str | None = None) -> Iterator[None]:
    """Turn failures of the block into an error with a remedy; no address and no token gets into the message.

    Raises:
        PrerequisiteError: The hub or its cache cannot give what the block asked for.
    """
    try:
        yield
    except (HTTP_ERROR, OSError) as error:
        # the library hides a hub that answers with an error behind a file that is not in the cache
        hidden = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else None
        cause = hidden if isinstance(hidden, HfHubHTTPError | FileMetadataError) else error
        what = f"{repository} at {revision}" + (f", {path}" if path else "")
        raise PrerequisiteError(f"{what}: {_reason(cause, repository)}") from error


def _reason(error: Exception, repository: str) -> str:
    hub = constants.ENDPOINT
    match error:
        case GatedRepoError():
            page = f"{hub}/datasets/{repository}"
            if get_token() is None:
                remedy = f"accept its terms at {page} and give a token of that account (HF_TOKEN, or hf auth login)"
            else:
                remedy = f"the account of the token in use has no access yet: accept its terms at {page}"
            return f"the dataset is gated; {remedy}"
        case RepositoryNotFoundError():
            return f"no such dataset on {hub}, or a private one; check the name, or give a token with access (HF_TOKEN)"
        case RevisionNotFoundError():
            return "the dataset has no such revision; check the branch, tag or commit"
        case RemoteEntryNotFoundError():
            return "the dataset has no such file at this revision"
        case HfHubHTTPError():
            status = error.response.status_code
            return f"{hub} answered with status {status}: {_HINTS.get(status, 'try again later')}"
        case LocalEntryNotFoundError() | OfflineModeIsEnabled():
            if constants.HF_HUB_OFFLINE:
                missing = "it is not in the cache and HF_HUB_OFFLINE is set; run the same command once without it"
            else:
                missing = f"{hub} cannot be reached and it is not in the cache; check the network or proxy"
            return f"{missing} ({constants.HF_HUB_CACHE})"
        case FileMetadataError():
            return f"{hub} does not answer like a hub; check HF_ENDPOINT"
        case OSError():
            return f"cannot be read, or not be kept in {constants.HF_HUB_CACHE}: {error}"
    return f"{hub} cannot be reached ({type(error).__name__}); check the network or proxy"


_HINTS = {401: "the token in use is not valid", 403: "the token in use may not read it", 429: "too many requests"}
