"""Written forms of a rule: one template writes a statement and reads it back, so that the two cannot drift apart."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from blpo_inspect.world.optimizer.language import joined

Rules = Mapping[str, tuple[str, ...]]
"""Name of a rule (a label; empty where there is but one rule) → the phrases of what falls under it."""

Values = Callable[[str], Mapping[str, str]]
"""What a rule's templates may name besides its phrases; a template that names anything else does not apply."""

LINES = "\n"
"""Phrases stand on lines of their own."""


@dataclass(frozen=True)
class Statement:
    """A prompt taken apart: the task as written, and its rules."""

    rest: str
    rules: Rules


@dataclass(frozen=True)
class Form:
    """One way to write rules, as templates of `str.format`.

    Attributes:
        rule: One rule; ``{items}`` are its phrases.
        item: One phrase, as ``{phrase}`` or without its article as ``{bare}``; ``{n}`` counts them from 1.
        between: The conjunction between phrases in a sentence, ``;``, or `LINES`.
        before: What stands before the task.
        opening: What stands once before the rules.
        closing: What stands once after them; only where it applies, as with a label that is left over.
    """

    rule: str
    item: str = "{phrase}"
    between: str = LINES
    before: str = ""
    opening: str = ""
    closing: str = ""

    def write(self, statement: Statement, values: Values, closing: Mapping[str, str] | None) -> str | None:
        """The prompt in this form; None where the form does not apply to it.

        Args:
            statement: The task and its rules.
            values: What templates may name.
            closing: What the closing may name; None leaves it out.
        """
        try:
            rules = [
                self.rule.format(items=self._items(phrases, values(name)), **values(name))
                for name, phrases in statement.rules.items()
            ]
            end = self.closing.format(**closing) if closing is not None else ""
        except KeyError:
            return None
        start = f"{self.before}{statement.rest}\n\n" if statement.rest else ""
        return f"{start}{self.opening}" + "\n\n".join(rules) + end

    def read(
        self, prompt: str, names: Sequence[str], values: Values, closing: Callable[[Rules], Mapping[str, str] | None]
    ) -> Statement | None:
        """What a prompt in this form states; None where none of its rules is found."""
        patterns = dict(self._patterns(names, values, "(?P<items>{})"))
        if not patterns:
            return None
        one = "|".join(pattern for _, pattern in self._patterns(names, values, "(?:{})"))
        stated = re.search(rf"{re.escape(self.opening)}(?:{one})(?:\n\n(?:{one}))*", prompt)
        if stated is None:
            return None
        found = {
            (match.start(), name): self._phrases(match["items"], values(name))
            for name, pattern in patterns.items()
            for match in re.finditer(pattern, stated[0])
        }
        rules = {name: found[place, name] for place, name in sorted(found)}
        before, after = prompt[: stated.start()].strip(), prompt[stated.end() :]
        try:
            named = closing(rules)
            after = after.removeprefix(self.closing.format(**named) if named is not None else "")
        except KeyError:
            pass
        parts = (before.removeprefix(self.before.strip()).strip(), after.strip())
        return Statement("\n\n".join(part for part in parts if part), rules)

    def _items(self, phrases: Sequence[str], values: Mapping[str, str]) -> str:
        items = [
            self.item.format(phrase=phrase, bare=_bare(phrase), n=n, **values) for n, phrase in enumerate(phrases, 1)
        ]
        if self.between == LINES:
            return LINES.join(items)
        return "; ".join(items) if self.between == ";" else joined(items, self.between)

    def _patterns(self, names: Sequence[str], values: Values, group: str) -> Iterator[tuple[str, str]]:
        for name in names:
            try:
                rule = self.rule.format(items="\0", **values(name))
                item = self._item_pattern(values(name))
            except KeyError:
                continue
            line = rf"{item}(?=\n|\Z)"
            items = rf"{line}(?:\n{line})*" if self.between == LINES else r"[^.:|\n]+?"
            yield name, re.escape(rule).replace(re.escape("\0"), group.format(items))

    def _item_pattern(self, values: Mapping[str, str]) -> str:
        item = re.escape(self.item.format(phrase="\0", bare="\0", n="\1", **values))
        return item.replace(re.escape("\1"), r"\d+").replace(re.escape("\0"), r"[^\n|]+?")

    def _phrases(self, items: str, values: Mapping[str, str]) -> tuple[str, ...]:
        separator = "\n" if self.between == LINES else "; " if self.between == ";" else f", | {self.between} "
        pattern = self._item_pattern(values).replace(r"[^\n|]+?", r"(?P<phrase>[^\n|]+)")
        matches = [re.fullmatch(pattern, item) for item in re.split(separator, items)]
        phrases = tuple(match["phrase"] if match else "" for match in matches)
        return tuple(map(_with_article, phrases)) if "{bare}" in self.item else phrases


def _bare(phrase: str) -> str:
    return re.sub(r"^an? ", "", phrase)


def _with_article(bare: str) -> str:
    return bare if bare.startswith("more than ") else f"a {bare}"
