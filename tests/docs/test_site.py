"""The pages as a site: every link and anchor leads somewhere, and a reader's browser asks nobody else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

_FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video)[^>]*\ssrc=[\"']?(https?:)?//|<link[^>]*\shref=[\"']?(https?:)?//"
)
_IN_STYLE = re.compile(r"(?:url\(|@import\s)[\"']?(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; the build is strict, so it fails on a link or an anchor that leads nowhere."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_has_every_page(site: Path) -> None:
    pages = {str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").glob("**/*.md")}
    pages = {page.replace("README", "index") for page in pages} | {"index.html", "contributing.html", "changelog.html"}
    assert pages <= {str(path.relative_to(site)) for path in site.glob("**/*.html")}
    assert "Judge" in (site / "index.html").read_text()
    assert "LabelScale" in (site / "api-reference.html").read_text()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    found = {str(path.relative_to(site)) for path in site.glob("**/*.html") if _FETCHED.search(path.read_text())}
    styled = [*site.glob("**/*.css"), *site.glob("**/*.html")]
    found |= {str(path.relative_to(site)) for path in styled if _IN_STYLE.search(path.read_text())}
    assert not found
