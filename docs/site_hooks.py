"""Makes pages of the repository's own Markdown files, and mends links that would leave the site."""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "src/blpo_inspect/world/judge/README.md": "embedded-judge.md",
}
"""Files outside of docs/ → their pages."""

_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of files outside of docs/."""
    for source, page in PAGES.items():
        text = _without_front_matter((ROOT / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=mended(text, source, page)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Mend the links of a page that lies in docs/."""
    path = page.file.src_uri
    return markdown if path in PAGES.values() else mended(markdown, f"docs/{path}", path)


def mended(text: str, source: str, page: str) -> str:
    """The text with links that work on the site: to a page, or to nothing where a file of the repository is no page.

    Args:
        text: Markdown.
        source: The file that it is from, from the repository's root.
        page: The page that it becomes, from docs/.
    """

    def link(match: re.Match[str]) -> str:
        image, words, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group()
        path, _, anchor = target.partition("#")
        file = os.path.normpath(f"{os.path.dirname(source)}/{path}" if os.path.dirname(source) else path)  # noqa: PTH120
        place = PAGES.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else None)
        if place is None or not ((ROOT / "docs" / place).is_file() or place in PAGES.values()):
            return f"{words} (`{file}`)"
        relative = os.path.relpath(place, os.path.dirname(page) or ".")  # noqa: PTH120
        return f"{image}[{words}]({relative}{'#' + anchor if anchor else ''})"

    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def _without_front_matter(text: str) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
