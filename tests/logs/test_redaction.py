"""What of a log may be shown to others."""

import pytest

from blpo_inspect.logs import redaction

SECRET = "sk-proj-abcdefghijklmnop123456"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain text, 1/2 and/or 3", "plain text, 1/2 and/or 3"),
        ("no file '/var/tmp/x/y.png'", "no file '…/y.png'"),
        ("see https://a:b@h.example/p?token=1 now", "see https://h.example/p now"),
        ("file:///home/me/x.eval", "…/x.eval"),
        (f"key {SECRET}!", "key (left out)!"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer (left out)"),
        (r"C:\Users\me\x.png", "…/x.png"),
        ("hf-vlm/shapes-judge", "hf-vlm/shapes-judge"),
    ],
)
def test_redacting(raw: str, shown: str) -> None:
    assert redaction.text(raw) == shown
