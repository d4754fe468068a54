"""Nothing tells people to install the package from an index, where it is not."""

import re

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, blocks

_INSTALL = re.compile(r"\b(?:pip3?|pipx|uv|uvx|poetry|pdm|conda)\b[^\n`]*?\b(?:install|add|run)\b([^\n`]*)")
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")
_OURS = re.compile(r"blpo[-_.]inspect(\[.*\])?([=<>~!].*)?", re.IGNORECASE)
PLACEHOLDER = "git+https://REPOSITORY@COMMIT"


def from_index(text: str) -> list[str]:
    """The commands in a text that would look for the package on an index."""
    return [
        match.group()
        for match in _INSTALL.finditer(text.replace("\\\n", " "))
        if any(_OURS.fullmatch(word.strip("'\"")) for word in _WORD.findall(re.split("[#(]", match[1])[0]))
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pip install blpo-inspect", True),
        ("- run: pip install --quiet 'blpo-inspect[hub,gepa]==1'", True),
        ("python -m pip install -U blpo_inspect", True),
        ("uv pip install blpo-inspect", True),
        ("uv add blpo-inspect", True),
        ("pip install \\\n  blpo-inspect", True),
        ("pip install -e '.[hub]'  # blpo-inspect", False),
        ('pip install "blpo-inspect @ git+https://x"', False),
        ('pip install "blpo-inspect[hub] @ $BLPO_INSPECT"', False),
        ("pip install pyarrow (an extra of blpo-inspect )", False),
        ("blpo-inspect is on no index; `pip install -e .` is for its clone", False),
    ],
)
def test_the_check_finds_such_commands(text: str, found: bool) -> None:
    assert bool(from_index(text)) is found


def test_no_page_example_or_message_installs_from_an_index() -> None:
    files = [*PAGES, *(ROOT / "docs" / "examples").glob("**/*"), *(ROOT / "src").glob("**/*.py"), ROOT / "Makefile"]
    found = {str(file): from_index(file.read_text(errors="replace")) for file in files if file.is_file()}
    assert not {file: commands for file, commands in found.items() if commands}


def test_the_workflow_installs_from_an_address_that_is_given_once_and_explained() -> None:
    with_placeholder = [page for page in PAGES for _ in range(page.read_text().count(PLACEHOLDER))]
    [page] = with_placeholder
    [workflow] = [yaml.safe_load(block.text) for block in blocks(page) if PLACEHOLDER in block.text]
    assert workflow["env"] == {"BLPO_INSPECT": PLACEHOLDER}
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert 'pip install "blpo-inspect @ $BLPO_INSPECT"' in steps
    rest = page.read_text().replace(PLACEHOLDER, "")
    for word in ("REPOSITORY", "COMMIT"):
        assert re.search(rf"`{word}`", rest), f"{page.name} does not say what {word} stands for"
