"""A model's reply → one label, or the reason why none was given: by a written grammar, never by a guess.

What is accepted stands in docs/reading-answers.md, a row per form: the whole reply is a label; an object with one
verdict; a marked verdict (``Rating: 4/5``); a label that opens or ends the reply and is set off; one short statement
about the image (``The image is unsafe because …``). Everything else is unread: what is quoted, asked, supposed, denied,
restated or refused is no verdict. Reasoning does not count (`reasoning`). Takes time linear in the reply's length.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

from blpo_inspect.judging import answer_patterns as patterns
from blpo_inspect.judging import answer_words as words
from blpo_inspect.judging.answer_text import (
    MAX_CHARS,
    plain,
    prepared,
    segments_of,
    shortened,
    unfenced,
    without_quotations,
)
from blpo_inspect.judging.label_context import LabelContext, says_nothing_in_prose
from blpo_inspect.judging.label_lexer import Found, LabelError, LabelLexer, normalized
from blpo_inspect.judging.pair_statements import LISTS, winner
from blpo_inspect.judging.reasoning import UnfinishedReasoningError, without_reasoning
from blpo_inspect.judging.verdict_object import object_verdict, parse_object

_MAX_OBJECTS = 20
_CUT = " ⋯ and more"
"""Stands where a reply was cut off: a mark that nothing closes before it may have gone on."""


@dataclass(frozen=True)
class Verdict:
    """What a judge's answer says, or why it says nothing that can be used.

    Attributes:
        label: A label of the scale (for a numeric scale the number as text), None where unread.
        reason: Why the answer could not be read; None where it could.
        answer: What the judge wrote, where that was asked for too (`outputs.whole_verdict`).
        probabilities: Of each label by the judge's own account, where it gives them (`likelihood`).
    """

    label: str | None
    reason: str | None = None
    answer: str = ""
    probabilities: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if (self.label is None) == (self.reason is None):
            raise ValueError("a verdict has either a label or a reason why there is none")


@dataclass(frozen=True)
class _Mark:
    """A marked verdict: its label or why it is none, and how much it says that it is the last word."""

    label: str | None
    strength: int
    segment: int
    problem: str = ""


_OBJECT = re.compile(
    r"\{[^{}]{0,2000}(?:\{[^{}]{0,2000}(?:\{[^{}]{0,1000}\}[^{}]{0,1000}){0,8}\}[^{}]{0,1000}){0,16}\}"
)


class AnswerReader:
    """Reads replies on one scale.

    Args:
        lexer: Its labels.
    """

    def __init__(self, lexer: LabelLexer) -> None:
        self.lexer = lexer
        self.context = LabelContext(lexer)

    def read(self, reply: str, *, cut_off: bool = False) -> Verdict:
        """Read one reply; of one that was cut off only a label alone or a complete mark."""
        try:
            own = without_reasoning(reply)
            label = self._read(own, cut_off)
            self.context.check_number(own, label)
            return Verdict(label)
        except (LabelError, UnfinishedReasoningError) as error:
            return Verdict(None, str(error))

    def _read(self, reply: str, cut_off: bool) -> str:
        if len(reply) > MAX_CHARS:
            raise LabelError(f"a reply of {len(reply):,} characters is no verdict; the most is {MAX_CHARS:,}")
        text = prepared(reply)
        if not any(char.isalnum() for char in text) and not any(mark in text for mark in self._signs):
            raise LabelError("the answer is empty")
        # as it stands first: a label may be made of markdown, such as ***
        if found := self.lexer.exactly(text) or self.lexer.exactly(plain(text)):
            return found.label
        if reply.lstrip().startswith('"') and '":' in reply:
            reply = f"{{{reply.strip().rstrip(',')}}}"
        if "{" in reply or "[" in text:
            text, label = self._object(reply, text)
            if label is not None:
                return label
        if cut_off and len(segments_of(self._unquoted(text))) > 1:
            text += _CUT
        text = self._unquoted(text)
        self._same_scale(text)
        if words.REFUSAL.search(text):
            raise LabelError(f"the reply refuses or does not decide: {shortened(text)}")
        segments = [self.lexer.bare(segment) for segment in segments_of(text)]
        forms: tuple[Callable[[list[str]], str | None], ...] = (
            self._marked,
            self._truth,
            self._set_off,
            self._statement,
        )
        for form in forms[:1] if cut_off else forms:
            label = form(segments)
            if label is not None:
                return label
        if cut_off:
            raise LabelError(f"the reply was cut off before a complete verdict (raise max_tokens): {shortened(text)}")
        raise LabelError(self.context.why_unread(segments))

    @cached_property
    def _signs(self) -> frozenset[str]:
        """Characters of labels that are no letters or digits, and stars where they count."""
        signs = {char for name in self.lexer.labels for char in name if not char.isalnum() and not char.isspace()}
        return frozenset(signs | (set("★⭐🌟") if self.lexer.top is not None else set()))

    def _object(self, reply: str, text: str) -> tuple[str, str | None]:
        """The reply without its object, and what that says."""
        bare = unfenced(reply).strip()
        whole = parse_object(bare.strip("`")) if bare[:1] in ("{", "[") else None
        if isinstance(whole, list):
            label = object_verdict(whole, self.lexer, self._sentence)
            if label is None and bare[:2] != "[[":
                raise LabelError(f"no label found in {shortened(text)}")
            return text, label
        matches = list(islice(_OBJECT.finditer(reply), _MAX_OBJECTS + 1))
        if len(matches) > _MAX_OBJECTS:
            raise LabelError(f"no verdict: the reply has more than {_MAX_OBJECTS} objects")
        objects = [(match, value) for match in matches if (value := parse_object(match.group())) is not None]
        stated = [(match, object_verdict(value, self.lexer, self._sentence)) for match, value in objects]
        given = [(match, label) for match, label in stated if label is not None]
        if len(given) > 1:
            raise LabelError("ambiguous: the reply has several objects with a verdict")
        prose = _OBJECT.sub(" ", reply) if objects else reply
        text = prepared(prose)
        if given:
            match, label = given[0]
            before = unfenced(normalized(reply[max(0, match.start() - 120) : match.start()])).strip()
            if words.EXAMPLE.search(segments_of(before)[-1]) or words.REFUSAL.search(text):
                raise LabelError(f"an object that may be an example or a quotation: {shortened(match.group())}")
            for mark in self._marks(segments_of(self._unquoted(text))):
                if mark.label not in (None, label):
                    raise LabelError(f"ambiguous: the answer can mean {label} or {mark.label}")
            return text, label
        return text, None

    def _sentence(self, text: str) -> str | None:
        """The label of a text that stands where a verdict does."""
        segments = segments_of(plain(normalized(text)))
        return self._valued(segments[0]) if len(segments) == 1 else self._set_off(segments)

    def _unquoted(self, text: str) -> str:
        return without_quotations(unfenced(text), lambda quoted: self._alone(quoted) is not None)

    def _same_scale(self, text: str) -> None:
        for match in patterns.OTHER_SCALE.finditer(text):
            self.lexer.check_top(match.group(), float(next(group for group in reversed(match.groups()) if group)))

    def _same_top(self, stated_range: str) -> None:
        """``Rating (1-10): 4`` is on another scale than 1 to 5."""
        ends = re.findall(r"\d{1,6}(?:\.\d{1,3})?", stated_range)
        if ends:
            self.lexer.check_top(stated_range, float(ends[-1]))

    def _marked(self, segments: list[str]) -> str | None:
        """``Rating: 4/5``: the last one that says final or overall, else the only one."""
        marks = list(self._marks(segments))
        if not marks:
            return None
        most = max(mark.strength for mark in marks)
        best = [mark for mark in marks if mark.strength == most]
        if most == 0 and self.lexer.top is not None and sum(map(bool, map(patterns.CRITERION.match, segments))) > 1:
            raise LabelError("ambiguous: several criteria are rated, and nothing overall")
        if most == 2:
            best = [mark for mark in best if segments[mark.segment].startswith(patterns.STATED)] or best[-1:]
        if problem := next((mark.problem for mark in best if mark.problem), None):
            raise LabelError(problem)
        label = _only([mark.label for mark in best if mark.label is not None])
        later = segments[best[-1].segment + 1 :]
        self.context.check_later(later)
        last = self._alone(segments[-1])
        others = [self._stated(segment) for segment in later]
        return _only([label, *(other for other in (last, *others) if other is not None)])

    def _marks(self, segments: list[str]) -> Iterator[_Mark]:
        for number, segment in enumerate(segments):
            start = patterns.IN_SHORT.match(segment)
            match = patterns.MARK.match(segment) or (patterns.MARK.match(segment, start.end()) if start else None)
            clause = patterns.CJK_CLAUSE.match(segment) if match is None else None
            if clause is not None and not patterns.CJK_CONDITIONAL.search(clause.group()):
                start = patterns.IN_SHORT.match(segment, clause.end())
                match = patterns.MARK.match(segment, start.end() if start else clause.end())
            if match is None or segment.endswith("?") or (match["sep"].isspace() and match["word"] == patterns.STATED):
                continue
            value = segment[match.end() :]
            strong = match["word"] == patterns.STATED or patterns.STRONG_WORD.search(
                match["qualifiers"] + " " + match["word"]
            )
            strength = 2 if strong else 0 if patterns.ASPECT_WORD.search(match["qualifiers"] + match["word"]) else 1
            if not value.strip(" :*"):
                value = segments[number + 1] if number + 1 < len(segments) else ""
                if patterns.MARK.match(value) or not self._alone_or_stated(value):
                    continue
            elif match["sep"].isspace() and self._alone(value) is None:
                continue  # "Score 4", and nothing else
            try:
                self._same_top(match["range"] or "")
                label = self._valued(value)
            except LabelError as error:
                yield _Mark(None, strength, number, str(error))
                continue
            if label is not None:
                yield _Mark(label, strength, number)

    def _alone_or_stated(self, segment: str) -> bool:
        try:
            return self._valued(segment) is not None
        except LabelError:
            return True

    def _valued(self, text: str) -> str | None:
        """The label of what follows a mark; None where it states none or restates the scale.

        Raises:
            LabelError: It mentions labels, but does not give one.
        """
        article = re.match(patterns.ARTICLE, text)
        start = article.end() if article else 0
        found = self.lexer.begins(text, start) or (self.lexer.begins(text) if start else None)
        if found is None:
            label = self._stated(text)
            if label is None and self._mentioned(text):
                raise LabelError(self.context.why_unread([text]))
            return label
        rest = text[found.end :]
        if patterns.RESTATES.match(rest):
            return None
        rival = patterns.RIVAL.match(rest)
        other = self.lexer.begins(rest[rival.end() :]) if rival else None
        if other is not None and (other.label != found.label or self.lexer.top is not None):
            raise LabelError(f"ambiguous: the answer can mean {found.label} or {other.label}")
        self.context.check_rest(found, rest)
        return found.label

    def _truth(self, segments: list[str]) -> str | None:
        """``Safe: no``: the opposite, where there is exactly one; ``Safe: yes`` the label itself."""
        for segment in (segments[0], " ".join(segments[:2])):
            name = re.sub(r"^(?:is(?:[\s_]it)?|is_)[\s_]?", "", segment)
            found = self._begins(name)
            match = patterns.TRUTH.match(name, found.end) if found else None
            if found is None or match is None:
                continue
            said = match["yes"] or match["no"]
            if said in self.lexer.labels or says_nothing_in_prose(found.name):
                return None
            rest = name[match.end() :].strip(" .!,")
            if (
                match["no"] in ("no", "false", "0", "none")
                and rest
                and not re.match(r"[,.;!]", name[match.end() :].lstrip())
            ):
                return None  # "Safe: no weapon is visible"
            opposite = self.lexer.opposite(found)
            if "?" in match.group() or rest or len(segments) > 2 or (match["no"] and opposite is None):
                raise LabelError(f"a truth value of a label: {shortened(segment)}")
            return found.label if match["yes"] else opposite
        return None

    def _set_off(self, segments: list[str]) -> str | None:
        """A label that opens the reply, or has its last line to itself."""
        first, last = self._alone(segments[0]), self._alone(segments[-1])
        opening = self._begins(segments[0])
        if last is not None and len(segments) > 1:
            before = segments[-2]
            introduced = patterns.ABBREVIATED.search(before) is not None or (
                before.endswith(":")
                and bool(words.NEGATION.search(before[:-1] + " ") or words.QUOTED_BY.search(before))
            )
            if introduced or (
                not re.search(r"[.!:。)…\d]$|^(?:[^\s]{1,20}\s?){1,3}$", before) and not before.endswith("?")
            ):
                raise LabelError(f"{last!r} is not set off from what precedes: {shortened(' '.join(segments[-2:]))}")
            alone = [label for segment in segments[:-1] if (label := self._alone(segment)) is not None]
            if opening is not None and first is None and opening.label != last:
                alone.append(opening.label)
            return _only([last, *alone])
        if opening is None:
            return None
        if first is None:
            try:
                self._check_opening(opening, segments[0][opening.end :])
            except LabelError:
                if self._stated(segments[0]) is None and not self.lexer.pair:
                    raise
                return None
        for segment in segments[1:]:
            other = self._begins(segment)
            if other and other.label != opening.label and re.match(r"\s{0,3}(?:[:=(–—]|-\s)", segment[other.end :]):
                raise LabelError(f"ambiguous: the answer can mean {opening.label} or {other.label}")
        if len(segments) > 1 and patterns.ABBREVIATED.search(segments[0]) and segments[1][:1].isdigit():
            return None  # "No. 7"
        if len(segments) > 1 and words.OFFER.search(segments[1][:60]):
            raise LabelError(f"an opening word, not a verdict: {shortened(' '.join(segments))}")
        self.context.check_others(opening.label, segments[1:])
        self._same_claims(opening.label, segments[1:])
        self.context.check_later(segments[1:])
        return opening.label

    def _check_opening(self, found: Found, rest: str) -> None:
        rival = patterns.RIVAL.match(rest)
        other = self.lexer.begins(rest[rival.end() :]) if rival else None
        tail = rest.split()[-1] if rest.split() else ""
        if other is not None or (self._alone(tail) not in (None, found.label)):
            raise LabelError(
                f"ambiguous: the answer can mean {found.label} or something else: {shortened(found.name + rest)}"
            )
        if self.lexer.pair and LISTS.match(found.name + rest):
            raise LabelError(f"the beginning of a list, not a verdict: {shortened(found.name + rest)}")
        if words.OFFER.search(rest) or re.match(r"\s{0,3}!+\s{0,3}\w", rest):
            raise LabelError(f"an opening word, not a verdict: {shortened(found.name + rest)}")
        if re.match(r"[\s\"')\]]{0,4}(?:[,.;:!–—\n(。、|]|-\s)", rest) is None:
            raise LabelError(f"no label found in {shortened(found.name + rest)}")
        self.context.check_rest(found, rest)

    def _statement(self, segments: list[str]) -> str | None:
        """One short sentence about the image, the first or the last, which no other sentence contradicts."""
        places = dict.fromkeys([0, len(segments) - 1])
        given = {place: label for place in places if (label := self._stated(segments[place])) is not None}
        if not given:
            return None
        label = _only(list(given.values()))
        others = [segment for place, segment in enumerate(segments) if place not in given]
        self.context.check_others(label, others)
        self._same_claims(label, others)
        if 0 in given:
            self.context.check_later(segments[1:])
        return label

    def _stated(self, segment: str) -> str | None:
        """The label that one sentence says of the image."""
        if segment.rstrip(" )\"'*").endswith("?") or len(segment) > 1000:
            return None
        start = patterns.IN_SHORT.match(segment)
        text = segment[start.end() :] if start else segment
        if start and (label := self._alone(text)) is not None:
            return label  # "So: unsafe."
        if self.lexer.pair and (won := winner(text, self.lexer)):
            return self._unlimited(*won)
        thinks = patterns.THINKS.match(text)
        clauses = [text[thinks.end() :], text] if thinks else [text]
        for text, pattern in product(clauses, patterns.STATEMENTS):
            match = pattern.match(text)
            if match is None or match.end() == 0:
                continue
            found = self._begins(text, match.end())
            if found is None or (found.start - match.end() > 4):
                continue
            rest = patterns.NOUN.sub("", text[found.end :], count=1)
            return self._unlimited(found, rest)
        conclusion = patterns.THEREFORE.search(text)
        if conclusion is None or patterns.CONDITIONAL.search(text[: conclusion.start()]):
            return None
        return self._stated(("it is " if conclusion["makes"] else "") + text[conclusion.end() :])

    def _unlimited(self, found: Found, rest: str) -> str | None:
        """The label, if what follows it in its sentence leaves it as it is."""
        try:
            rival = patterns.RIVAL.match(rest)
            if rival and self.lexer.begins(rest[rival.end() :]) is not None:
                return None
            self.context.check_rest(found, rest)
        except LabelError:
            return None
        return found.label

    def _same_claims(self, label: str, others: Sequence[str]) -> None:
        """Of a pair, whose pictures every explanation names: raise where another sentence chooses the other one."""
        if self.lexer.pair:
            _only([label, *(claimed for segment in others if (claimed := self._stated(segment)) is not None)])

    def _begins(self, text: str, start: int = 0) -> Found | None:
        try:
            return self.lexer.begins(text, start)
        except LabelError:
            return None

    def _alone(self, segment: str) -> str | None:
        """The label that a segment is and nothing else."""
        try:
            found = self.lexer.exactly(segment)
        except LabelError:
            return None
        return found.label if found else None

    def _mentioned(self, text: str) -> bool:
        return any(True for _ in self.lexer.mentions(text))


def _only(labels: list[str]) -> str:
    distinct = list(dict.fromkeys(labels))
    if len(distinct) > 1:
        raise LabelError(f"ambiguous: the answer can mean {' or '.join(distinct)}")
    return distinct[0]
