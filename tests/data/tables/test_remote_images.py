"""Images behind addresses: fetched once and only if allowed; what goes wrong names the row and no password."""

import io
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from blpo_inspect.data.tables import TableError, read_benchmark, remote


class Site(BaseHTTPRequestHandler):
    """``/red.png`` and ``/blue.png`` are images; others redirect, fail or lie."""

    asked: list[str] = []  # noqa: RUF012  # shared by design: a test reads what was asked

    def do_GET(self) -> None:
        """Answer."""
        type(self).asked.append(self.path)
        moved = {"/moved": "/red.png", "/out": "file:///etc/passwd", "/round": "/round"}
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.end_headers()
            return
        if self.path == "/gone.png":
            self.send_error(404)
            return
        path = self.path.split("?")[0]
        body = b"no image" if path == "/text.png" else _png(path.strip("/").removesuffix(".png"))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def site() -> Iterator[str]:
    """The server's address."""
    Site.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


def table(folder: Path, *rows: str) -> str:
    path = folder / "labels.csv"
    path.write_text("\n".join(["image,label", *rows]) + "\n")
    return str(path)


def test_images_are_fetched_once_and_only_if_allowed(site: str, tmp_path: Path, cache_folder: Path) -> None:
    data = table(tmp_path, f"http://{site}/red.png,a", f"http://{site}/blue.png,b", f"http://{site}/moved,a")
    with pytest.raises(TableError, match="not a file; download the image and give its path, or allow fetching"):
        read_benchmark(data)
    assert not Site.asked
    for _ in range(2):
        benchmark = read_benchmark(data, allow_remote=True)
        assert [record.label for record in benchmark.records] == ["a", "b", "a"]
    assert sorted(Site.asked) == ["/blue.png", "/moved", "/red.png", "/red.png"]  # once for /moved
    assert benchmark.records[0].image.startswith(str(cache_folder)), "a plain image stays a file"
    assert len(list((cache_folder / "remote-images").iterdir())) == 3, "nothing half-written is left"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("gone.png", "the server answers 404"),
        ("text.png", "not an image in a supported format"),
        ("out", "cannot be fetched"),
        ("round", "cannot be fetched"),
    ],
)
def test_what_cannot_be_had_names_the_row(path: str, why: str, site: str, tmp_path: Path, cache_folder: Path) -> None:
    data = table(tmp_path, f"http://{site}/red.png,a", f"http://anna:secret@{site}/{path},b")
    with pytest.raises(TableError, match=rf"row 3.*(?:{why})") as caught:
        read_benchmark(data, allow_remote=True)
    assert "secret" not in str(caught.value)
    if path != "text.png":
        assert len(list((cache_folder / "remote-images").iterdir())) == 1


def test_passwords_and_signatures_do_not_reach_ids(site: str, tmp_path: Path) -> None:
    data = table(tmp_path, f"http://anna:secret@{site}/red.png?signature=secret,a", f"http://{site}/blue.png,b")
    benchmark = read_benchmark(data, allow_remote=True)
    assert "secret" not in str(benchmark)
    assert benchmark.records[0].id == f"http://{site}/red.png"


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    data = table(tmp_path, "http://127.0.0.1:9/a.png,a", "http://127.0.0.1:9/b.png,b")
    with pytest.raises(TableError, match=r"http://127.0.0.1:9/a.png: cannot be fetched \(ConnectError\)"):
        read_benchmark(data, allow_remote=True)


def test_too_much_is_refused(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MAX_BYTES", 20)
    data = table(tmp_path, f"http://{site}/red.png,a", f"http://{site}/blue.png,b")
    with pytest.raises(TableError, match="more than 20 bytes"):
        read_benchmark(data, allow_remote=True)
