"""What is read from an output's metadata, whoever wrote them, and what reading them imports."""

import subprocess
import sys
from typing import Any

import pytest

from blpo_inspect.cache.cache_info import METADATA, Note, note


def test_what_is_written_is_read() -> None:
    written = Note(True, "a1", "2026-01-01T00:00:00+00:00", {"input_tokens": 3})
    assert note(written.added_to(None)) == written
    metadata = {"other": 1, METADATA: {"hit": False}}
    assert written.added_to(metadata)["other"] == 1 and note(written.added_to(metadata)) == written
    assert metadata[METADATA] == {"hit": False}


@pytest.mark.parametrize("metadata", [None, {}, {METADATA: None}, {METADATA: "hit"}, {METADATA: ["hit"]}])
def test_without_a_note_nothing_was_memoized(metadata: dict[str, Any] | None) -> None:
    assert note(metadata) == Note()


def test_fields_of_other_types_count_as_absent() -> None:
    assert note({METADATA: {"hit": 1, "key": 3, "recorded": [], "usage": "many"}}) == Note(hit=True)


def test_reading_logs_does_not_import_the_store() -> None:
    code = "import sys, blpo_inspect.cache.logs; print([m for m in ('diskcache', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
