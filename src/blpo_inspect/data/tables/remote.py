"""Images that a table names by a URL: fetched once, if the user allowed it, and kept.

Whoever allows it lets the table's author decide what this machine asks for; so nothing here runs unasked.
"""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from blpo_inspect._util.files import written_whole
from blpo_inspect._util.text import without_credentials
from blpo_inspect.cache.store import default_folder
from blpo_inspect.data.tables.pictures import Open

MAX_BYTES = 64 << 20
"""A larger answer is refused."""

SECONDS = 30
REDIRECTS = 5


def or_fetched(open_: Open) -> Open:
    """As `open_`, but http and https addresses are fetched too."""

    def either(name: str) -> Path:
        return _fetched(name) if name.lower().startswith(("http://", "https://")) else open_(name)

    return either


def _fetched(url: str) -> Path:
    """The file with what the address answered the first time.

    Raises:
        ValueError: It cannot be had, or is too large; without the address's credentials.
    """
    folder = default_folder() / "remote-images"
    # what is behind an address has no name of its own that could be trusted
    path = folder / (hashlib.sha256(url.encode()).hexdigest() + Path(urlsplit(url).path).suffix.lower()[:5])
    if path.is_file():
        return path
    named = without_credentials(url)[:120]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            httpx.Client(follow_redirects=True, max_redirects=REDIRECTS, timeout=SECONDS) as client,
            client.stream("GET", url) as answer,
            written_whole(path) as file,
        ):
            answer.raise_for_status()
            size = 0
            for part in answer.iter_bytes():
                size += len(part)
                if size > MAX_BYTES:
                    raise ValueError(f"{named}: more than {MAX_BYTES:,} bytes; download the image and give its path")
                file.write(part)
    except httpx.HTTPStatusError as error:
        raise ValueError(f"{named}: the server answers {error.response.status_code}") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ValueError(f"{named}: cannot be fetched ({type(error).__name__}); download the image") from None
    return path
