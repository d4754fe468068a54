"""Which proposed prompts are accepted: each check says in words why not, for the optimizer to read.

Judges the text of a proposal only, not how well it works.
"""

from collections.abc import Iterable, Iterator, Sequence

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import placeholders
from blpo_inspect.optimizers import guard_phrases
from blpo_inspect.optimizers.delimiters import reserved_tag
from blpo_inspect.optimizers.settings import Settings

_SHOWN = 120
"""Characters of a proposal that a reason quotes."""


def judge_prompt_problem(
    new: str,
    old: str,
    scale: LabelScale,
    captions: Iterable[str],
    settings: Settings,
    failed: Iterable[str] = (),
) -> str | None:
    """Why a proposed judge prompt cannot be used; None if it can.

    Args:
        new: The proposal.
        old: The prompt in force, which it is to replace.
        scale: The labels, which a prompt leaves alone.
        captions: The captions that the optimizer read, from which it may not copy.
        settings: Limits of length and copying.
        failed: Prompts that were tried in place of the old one and did not hold on other images.
    """
    return (
        _unusable(new, settings.max_prompt_chars)
        or _other_placeholders(new, old)
        or _unchanged(new, [old], "the instruction in force")
        or _other_scale_or_format(new, old, scale)
        or _copied(new, old, captions, settings.copied_words)
        or ("it was tried before and did not help with other images" if _same(new, failed) else None)
    )


def i2t_prompt_problem(new: str, tried: Sequence[str], settings: Settings) -> str | None:
    """Why a proposed I2T prompt cannot be used; None if it can.

    Args:
        new: The proposal.
        tried: Those that were tried before.
        settings: Limit of length.
    """
    named = placeholders(new)
    return (
        _unusable(new, settings.max_i2t_chars)
        or (f"it has braces ({_in_braces(named)}), and a request has no placeholders" if named else None)
        or _unchanged(new, tried, "a request that was tried")
    )


def critique_problem(new: str, settings: Settings) -> str | None:
    """Why a critique cannot be used; None if it can. It may be as long as a judge prompt."""
    return _unusable(new, settings.max_prompt_chars)


def _unusable(new: str, limit: int) -> str | None:
    if not new.strip():
        return "it is empty"
    if len(new) > limit:
        return f"it has {len(new)} characters, and {limit} are allowed"
    broken = next((char for char in new if "\ud800" <= char <= "\udfff" or (char < " " and char not in "\t\n\r")), None)
    if broken is not None:
        return f"it has a character that is no text (U+{ord(broken):04X})"
    tag = reserved_tag(new)
    return f"it has the tag {tag}, which belongs to the question" if tag else None


def _other_placeholders(new: str, old: str) -> str | None:
    wanted, named = placeholders(old), placeholders(new)
    if named - wanted:
        return (
            f"it has placeholders that the instruction does not have: {_in_braces(named - wanted)}; write {{{{ and }}}}"
            " for braces that stand for themselves"
        )
    if wanted - named:
        return f"it lost the placeholder {_in_braces(wanted - named)}"
    return None


def _unchanged(new: str, before: Iterable[str], what: str) -> str | None:
    return f"it says the same as {what}" if _same(new, before) else None


def _same(new: str, before: Iterable[str]) -> bool:
    """Whether a prompt is one of these, but for case and white space."""
    return any(" ".join(new.split()).casefold() == " ".join(old.split()).casefold() for old in before)


def _other_scale_or_format(new: str, old: str, scale: LabelScale) -> str | None:
    """What says how to answer stays as it was; the sentences of the old prompt are known, whatever they say."""
    before = guard_phrases.sentences(old)
    rest, lost = guard_phrases.without(guard_phrases.sentences(new), guard_phrases.format_sentences(before, scale))
    rest, _ = guard_phrases.without(
        rest, [sentence for sentence in before if guard_phrases.stray_scale([sentence], scale)]
    )
    stray = guard_phrases.stray_scale(rest, scale)
    if stray is not None:
        return f'it speaks of another scale ("{_short(stray)}"); the labels stay as they are'
    added = guard_phrases.format_sentences(rest, scale)
    if added:
        return f'it says how to write the answer ("{_short(added[0])}"), which is told to the judge separately'
    return f'it leaves out "{_short(lost[0])}", which says how to answer; keep these words' if lost else None


def _copied(new: str, old: str, captions: Iterable[str], run: int) -> str | None:
    own = guard_phrases.words_of(new)
    proposed = _runs(own, run) - _runs(guard_phrases.words_of(old), run)
    for caption in captions:
        shared = proposed & _runs(guard_phrases.words_of(caption), run)
        if shared:
            first = next(words for words in _in_order(own, run) if words in shared)
            return f'it copies from a description ("{" ".join(first)}"); state what holds for images in general'
    return None


def _runs(words: Sequence[str], length: int) -> set[tuple[str, ...]]:
    return set(_in_order(words, length))


def _in_order(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1].rstrip() + "…"


def _in_braces(names: Iterable[str]) -> str:
    return ", ".join(name if name in ("{", "}") else "{" + name + "}" for name in sorted(names))
