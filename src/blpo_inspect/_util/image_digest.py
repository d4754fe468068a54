"""An image by the digest of its bytes, wherever they come from: for cache keys, splits and baselines alike."""

import hashlib
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import pybase64


def image_digest(reference: str) -> str:
    """SHA-256 (hex) of the bytes behind a data URI, a path or a ``file:`` URL.

    Raises:
        ValueError: A broken data URI, or a reference that only its log can resolve.
        OSError: The file cannot be read.
    """
    if reference.startswith("data:"):
        return _digests.of(reference)
    if reference.startswith("attachment://"):
        raise ValueError(f"{reference} refers to an attachment of a log; resolve attachments before asking")
    if reference.startswith("file:"):
        reference = url2pathname(urlsplit(reference).path)
    with Path(reference).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Digests:
    """Digests of the latest data URIs, known by the string object itself.

    Decoding base64 is most of the cost of a key, and Inspect hands on the same string for every
    prompt that is tried on one image. The strings are kept, so an address cannot be reused meanwhile.
    """

    def __init__(self, characters: int) -> None:
        self._most = characters
        self._held = 0
        self._kept: OrderedDict[int, tuple[str, str]] = OrderedDict()
        self._lock = Lock()

    def of(self, uri: str) -> str:
        known = self._kept.get(id(uri))
        if known is not None and known[0] is uri:
            return known[1]
        digest = hashlib.sha256(decoded(uri)).hexdigest()
        with self._lock:
            if id(uri) not in self._kept and len(uri) <= self._most:
                self._kept[id(uri)] = (uri, digest)
                self._held += len(uri)
                while self._held > self._most:
                    _, (dropped, _) = self._kept.popitem(last=False)
                    self._held -= len(dropped)
        return digest


_digests = _Digests(characters=64 * 2**20)


def decoded(uri: str) -> bytes:
    """The bytes in a data URI.

    Raises:
        ValueError: It is broken.
    """
    header, comma, body = uri.partition(",")
    if not comma:
        raise ValueError(f"not a data URI: {uri[:40]!r}")
    if not header.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return pybase64.b64decode(body, validate=True)  # forty times faster than the standard library's
    except ValueError:
        # URLs may write base64 with other characters, percent-escaped, with spaces or without padding
        plain = b"".join(unquote_to_bytes(body).split()).translate(_STANDARD).rstrip(b"=")
    try:
        return pybase64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise ValueError(f"broken data URI {uri[:40]!r}…: {error}") from error


_STANDARD = bytes.maketrans(b"-_", b"+/")
