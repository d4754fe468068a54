"""A Hugging Face dataset at one commit → rows, through the ``datasets`` library. Runs no code of the dataset.

The commit is fixed before anything is read, and what the library hands over must be of that commit: without a network
it would take whatever version lies in its cache.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.tables.options import Option
from blpo_inspect.data.tables.rows import HUB_EXTRA
from blpo_inspect.data.tables.table_row import TableError, TableRow

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder

PREFIX = "hub:"
_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


@dataclass(frozen=True)
class HubData:
    """One split of a dataset at one commit.

    Attributes:
        name: The dataset, with commit and split, for messages.
        about: For the log: data, commit, config and split.
        data: The dataset itself; images are not decoded.
    """

    name: str
    about: dict[str, Any]
    data: "Dataset"

    def rows(self) -> Iterator[TableRow]:
        """The rows, images as the files they were, labels of a class by name."""
        from datasets import ClassLabel

        classes = {name: kind for name, kind in self.data.features.items() if isinstance(kind, ClassLabel)}
        for number, values in enumerate(self.data, start=1):
            for name, kind in classes.items():
                if isinstance(values[name], int):
                    values[name] = kind.int2str(values[name]) if values[name] >= 0 else None
            yield TableRow(f"{self.name}, row {number}", f"row {number}", values)


def load_hub(address: str, config: str | None, split: str | None, option: Option) -> HubData:
    """Download a dataset, or take it from the cache.

    Args:
        address: ``NAME@REVISION``: a commit, tag or branch.
        config: Which of its configurations; needed where it has several.
        split: Which of its splits; needed where it has several.
        option: What options are called, for messages.

    Raises:
        TableError: No revision, no such dataset, revision, configuration or split, no access, no network, or files that
            the library cannot read; says what to do.
    """
    name, _, revision = address.partition("@")
    if not revision or not _ID.fullmatch(name):
        raise TableError(f"{PREFIX}{address}: name the dataset and its revision, as in {PREFIX}OWNER/NAME@COMMIT")
    if find_spec("datasets") is None:
        raise TableError(f"{PREFIX}{address}: needs the datasets library; {HUB_EXTRA}")
    commit = _commit(name, revision)
    builder = _builder(name, commit, config, option)
    if builder.hash != commit:
        raise TableError(f"{name}: commit {commit} cannot be fetched and is not in the cache (that has {builder.hash})")
    splits = [str(known) for known in (builder.config.data_files or builder.info.splits or {})]
    if split is None and len(splits) == 1:
        split = splits[0]
    if split is None or (splits and split not in splits):
        what = "several splits" if split is None else f"no split {split!r}"
        raise TableError(f"{name}: {what}; name one of {', '.join(splits)} ({option('hub_split', '…')})")
    about = {"data": f"{PREFIX}{name}", "revision": commit, "config": builder.config.name, "split": split}
    return HubData(f"{name}@{commit[:8]}/{split}", about, _prepared(name, commit, builder, split, option))


def image_roots() -> tuple[Path, ...]:
    """Folders in which the library keeps image files that lie in a dataset as such."""
    from datasets import config
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).resolve(), Path(config.HF_DATASETS_CACHE).resolve()


def cached_file(name: str) -> Path:
    """The file that an image's path means, if the library put it there.

    Raises:
        ValueError: Any other path: a dataset must not read the user's files.
    """
    path = Path(name).resolve()
    if "://" in name or not any(path.is_relative_to(root) for root in image_roots()) or not path.is_file():
        raise ValueError(f"{name[-80:]}: the dataset holds a path, not the image; download the images into a folder")
    return path


def _commit(name: str, revision: str) -> str:
    from huggingface_hub.errors import HFValidationError

    from blpo_inspect.data.hub import Repository

    try:
        return Repository(name, revision).commit
    except HFValidationError as error:
        raise TableError(f"{PREFIX}{name}: {error}") from error
    except PrerequisiteError as error:
        raise TableError(str(error.message)) from error


def _builder(name: str, commit: str, config: str | None, option: Option) -> "DatasetBuilder":
    from datasets import load_dataset_builder

    try:
        # with hf:// a folder of that name beside the user is not taken for the dataset
        return load_dataset_builder(f"hf://datasets/{name}", config, revision=commit)
    except Exception as error:
        raise _explained(name, commit, error, option) from error


def _prepared(name: str, commit: str, builder: "DatasetBuilder", split: str, option: Option) -> "Dataset":
    try:
        builder.download_and_prepare()
        data = builder.as_dataset(split=split)
        for column, kind in data.features.items():
            if (undecoded := _undecoded(kind)) is not kind:
                data = data.cast_column(column, undecoded)
        return data
    except Exception as error:
        raise _explained(name, commit, error, option) from error


def _undecoded(kind: Any) -> Any:
    """A feature with images, sound and films, also in lists, as the files they are; other features as they are."""
    if getattr(kind, "decode", False):
        return replace(kind, decode=False)
    inner = getattr(kind, "feature", None)
    undecoded = inner and _undecoded(inner)
    return kind if undecoded is inner else replace(kind, feature=undecoded)


def _explained(name: str, commit: str, error: BaseException, option: Option) -> TableError:
    """The library wraps what happened in errors of its own: the first of the hub's errors within decides."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    from blpo_inspect.data.hub.hub_errors import explained

    inner: BaseException | None = error
    for _ in range(20):
        if isinstance(inner, ConnectionError):
            inner = LocalEntryNotFoundError(str(inner))
        if isinstance(inner, HfHubHTTPError | LocalEntryNotFoundError | OfflineModeIsEnabled):
            try:
                with explained(name, commit):
                    raise inner
            except PrerequisiteError as known:
                return TableError(str(known.message))
        if inner is None:
            break
        inner = inner.__cause__ or inner.__context__
    text = " ".join(str(error).split())[:400]
    # where the library looked into its cache too, it dropped the hub's error
    if "is a gated dataset" in text:
        page = f"{constants.ENDPOINT}/datasets/{name}"
        return TableError(f"{name}: gated; accept its terms at {page} and give a token of that account (HF_TOKEN)")
    if "doesn't exist on the Hub" in text:
        return TableError(
            f"{name}: no such dataset on {constants.ENDPOINT}, or a private one: check the name, or set HF_TOKEN"
        )
    if "scripts are no longer supported" in text:
        return TableError(f"{name}: consists of code, which is not run; name a revision that has data files")
    if "Config name is missing" in text or "BuilderConfig" in text:
        return TableError(f"{name}: {text} ({option('config', '…')})")
    return TableError(f"{name} at {commit}: cannot be read: {type(error).__name__}: {text}")
