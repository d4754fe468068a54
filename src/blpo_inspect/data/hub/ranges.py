"""A file on the hub as a seekable one of which only the parts that are read travel."""

import io
from threading import Lock
from typing import Any

from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff  # type: ignore[attr-defined]

from blpo_inspect.data.hub.hub_errors import HTTP_ERROR

LARGEST_READ = 1 << 30
"""Bytes; a single longer read is refused: it is a damaged directory, or the whole file should be downloaded."""


TRIES = 3
"""How often a part is asked for whose transfer breaks off; connecting is tried again by the hub's library."""


class RangesRefusedError(OSError):
    """The server sends whole files only."""


class RangeFile(io.RawIOBase):
    """Each read is one HTTP range request, but for bytes that `hold` has brought already.

    Attributes:
        size: Length of the whole file.
    """

    def __init__(self, url: str, size: int, headers: dict[str, str]) -> None:
        super().__init__()
        self.size = size
        self._url = url
        self._headers = headers
        self._position = 0
        self._held = (0, b"")
        self._lock = Lock()

    def fetch(self, start: int, end: int) -> bytes:
        """The bytes from start to before end; safe in several threads.

        Raises:
            RangesRefusedError: The server has no range requests.
            HfHubHTTPError: As the hub's library.
        """
        if end <= start:
            return b""
        if end - start > LARGEST_READ:
            raise OSError(f"a read of {end - start:,} bytes at once")
        data = self._fetch(start, end)
        for _ in range(TRIES - 1):
            if isinstance(data, bytes):
                break
            data = self._fetch(start, end)
        if isinstance(data, Exception):
            raise data
        return data

    def _fetch(self, start: int, end: int) -> bytes | Exception:
        """The bytes, or why their transfer broke off."""
        headers = {**self._headers, "Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        broken: Exception | None = None
        data = b""
        with http_stream_backoff("GET", self._url, headers=headers, timeout=60) as response:
            if response.status_code == 200:
                raise RangesRefusedError("the server sends whole files only")
            hf_raise_for_status(response)
            try:
                data = response.read()
            except HTTP_ERROR as error:
                broken = error  # the library's context manager cannot bear it
        if broken is None and len(data) != end - start:
            raise OSError(f"asked for {end - start} bytes and got {len(data)}")
        return broken or data

    def hold(self, start: int, end: int) -> None:
        """Fetch a part in one request; reads inside of it are free until the next call."""
        self._held = (start, self.fetch(start, end))

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, but for what lies behind the end."""
        view = memoryview(buffer).cast("B")
        with self._lock:
            start, end = self._position, min(self._position + len(view), self.size)
            self._position = max(start, end)
        begin, held = self._held
        inside = begin <= start and end <= begin + len(held)
        data = held[start - begin : end - begin] if inside and end > start else self.fetch(start, end)
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(f"seek to {base + offset}, before the file's start")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """As any file."""
        return self._position

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True
