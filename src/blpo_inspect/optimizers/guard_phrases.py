"""What the sentences of a prompt say about the form of the answer and about the scale, as far as English tells.

Criteria speak of scores, labels and numbers too ("a score of 3 to 4 means …", "answer 1 only if …"); what counts is
whether a sentence says how to write the answer, or names values that the scale does not have. Every pattern looks at
one sentence and has bounded gaps, so that long texts take time in proportion to their length.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from blpo_inspect.judging.labels import LabelScale

_WORD = re.compile(r"\w+")
_DECORATION = re.compile(r"[*`#~]+|(?<!\w)_+|(?<!_)_+(?!\w)")
_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]

# the beginning of a clause, where a verb is a request and no statement
_START = (
    r"(?:^|[:;,(.\"–—]\s?"
    r"|\b(?:please|must|should|shall|always|simply|finally|then|you|to you)\s)"
)
_ALSO = (
    rf"(?:{_START}|\b(?:and|or|only|just|not|never|also|first|briefly)\s|\b(?:need|have|asked|required|how|sure)\sto\s)"
)
_FORM = (
    r"(?:numbers?|numerals?|digits?|integers?|float|decimals?|words?|sentences?|letters?|json|xml|yaml|csv|markdown"
    r"|format|tags?|brackets?|percentages?|paragraphs?|explanations?|reasoning|rationale|justification|labels?|scores?"
    r"|ratings?|yes|no|true|false)\b"
)
_OUTPUT = r"(?:final |overall )?(?:answer|output|response|reply)"
_WHY = r"(?:explanation|justification|rationale|reasoning|commentary|thought process|chain of thought)s?\b"
_REPORT = r"(?:answer|respond|reply|output|return|print|give|provide|state|write|say|type|report|submit|send|produce)"
_NO_CRITERION = r"(?!\s(?:of|above|over|below|under|if|when|unless|where|for|higher|lower|to|between|\d)\b)"

_FORMAT = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # "Respond in …", "Answer with …", "and reply with one word"
        rf"{_START}(?:answer|respond|reply|output)\s(?:only|exactly|just|simply|solely|with|in|as|by|using)\b",
        rf"{_ALSO}(?:answer|respond|reply|output|return|print)\s(?:with|in|as|by|using|only|just|exactly)\s"
        rf"(?:\W?\w+\W+){{0,4}}{_FORM}",
        rf"{_ALSO}{_REPORT}\s(?:only|just|exactly|nothing but|solely)\s(?:\w+\s){{0,3}}"
        rf"(?:numbers?|numerals?|digits?|integers?|words?|labels?|scores?|ratings?|answer|json)\b{_NO_CRITERION}",
        rf"\b(?:only|just)\s{_REPORT}\s(?:an?|one|the|your)\s(?:\w+\s){{0,2}}"
        rf"(?:numbers?|numerals?|digits?|integers?|words?|labels?|scores?|ratings?)\b{_NO_CRITERION}",
        rf"{_ALSO}(?:output|return|print|write|give|provide|report)\s(?:an?|one|the|your)\s(?:\w+\s)?(?:single\s|one\s)"
        rf"(?:\w+\s)?(?:number|numeral|digit|integer|word|sentence|letter)\b",
        rf"{_ALSO}{_REPORT}\s(?:the|an?|one|your)\s(?:\w+\s)?(?:number|digit|label|score|rating|answer|verdict)\sonly\s?"
        r"(?:[.,;!]|$)",
        rf"{_ALSO}{_REPORT}\syour\s(?:\w+\s)?(?:answer|output|response|verdict|rating|score|label|decision)\s"
        r"(?:as|in|inside|within|using|after|at the end|on)\b",
        r"\bas\s(?:an?|one)\s(?:single\s|whole\s|plain\s)?(?:integer|number|numeral|digit|float|word)\b"
        r"(?!\s(?:of|on|in)\b)",
        # "Your answer should be …", "The score must be a whole number"
        rf"\byour\s{_OUTPUT}\s(?:must|should|has to|needs to|is to|shall|will|may|can)\b",
        rf"\b(?:the|each|every)\s{_OUTPUT}\s(?:must|should|has to|needs to|is to|shall|may)\s"
        rf"(?:\W?\w+\W+){{0,6}}{_FORM}",
        r"\b(?:score|rating|label|verdict|number)\s(?:must|should|has to|needs to)\sbe\s(?:an?|one)\s(?:\w+\s){0,2}"
        r"(?:number|numeral|integer|digit|decimal|float|percentage|word)\b",
        rf"\b(?:begin|start|end|finish|conclude|keep|limit|format)\s(?:your|the)\s{_OUTPUT}\b",
        r"^(?:finish|end|conclude|begin|start)\swith\s[\"'\[<]",
        r"\bthen\s(?:the|an?|your)\s(?:\w+\s)?(?:label|score|rating|answer|verdict|number)\s?(?:[.;!]|$)",
        rf"{_ALSO}{_REPORT}\s(?:\w+\s){{1,4}}in\s(?:\w+\s){{0,2}}"
        r"(?:brackets|parentheses|quotes|quotation marks|tags)\b",
        r"^also\s(?:list|write|state|mention|explain|describe|output|return)\b",
        rf"\b(?:make|keep)\s(?:your|the)\s(?:{_WHY}|{_OUTPUT})",
        # "Output format: …", "in the following format", "JSON"
        r"\b(?:output|answer|response|reply)[ -]formats?\b|\b(?:in|using|follow)\s"
        r"(?:this|the following|exactly this)\s(?:\w+\s)?"
        r"(?:format|template|structure|schema)\b|^formats?\s?:|\bfinal answer\b",
        rf"^{_OUTPUT}\s?(?::|$)|^(?:\w+\s)?(?:score|rating|verdict|label)\s?:\s?[\[<(]",
        r"\b(?:in|as|valid|using|use|raw)\s(?:an?\s|the\s)?(?:valid\s|plain\s)?(?:json|xml|yaml|csv|markdown)\b"
        r"|\b(?:json|xml|yaml|csv|markdown)\s(?:object|format|output|string|dictionary|block|schema|table|code)\b",
        r"\\boxed|</?(?:answer|think|thinking|reasoning|rationale|output|final|result|rating|label|response|verdict)\b",
        r"\b(?:wrap|enclose|put|place|surround)\s(?:\w+\s){1,5}(?:in|inside|within|between|into)\s(?:\W?\w+\W+){0,4}"
        r"(?:tags?|brackets?|quotes|quotation marks|backticks|parentheses|code block)",
        r"\b(?:answer|score|rating|label|verdict|number|output|it)\s(?:\w+\s){0,3}on\s(?:the|an?|its)\s(?:\w+\s)?"
        r"(?:last|first|final|new|separate|own|single)\sline\b",
        r"\b(?:number|digit|label|score|rating|answer),?\s(?:and|or|with)\snothing\selse\b",
        # "First explain your reasoning", "followed by a short explanation", "no explanation"
        r"\b(?:explain|justify|show|share|describe|outline|state|give|provide|discuss)\s(?:\w+\s)?"
        r"(?:your|why you|how you)\s?"
        rf"(?:\w+\s)?(?:answer|rating|score|decision|choice|label|thinking|thoughts|verdict|judge?ment|steps|{_WHY}|$)",
        r"\b(?:explain|justify|describe|state)\s(?:why|how)\syou\b"
        r"|\b(?:explain|justify)\sthe\s(?:score|rating|label|verdict)\b",
        rf"(?:{_ALSO}(?:provide|give|write|include|add|offer|list|show|state)"
        r"|\b(?:followed by|along with|together with|accompanied by|preceded by))\s(?:an?|the|any|some)?\s?"
        rf"(?:\w+\s){{0,2}}{_WHY}(?!\sof\s(?:how|its|their|the\s(?!score|rating|label)))",
        rf"\b(?:no|without(?: any)?)\s(?:\w+\s)?{_WHY}\s(?:is|are)?\s?(?:needed|necessary|required|allowed)",
        rf"{_START}(?:no|without(?: any)?|(?:do not|don't)\s\w+\s(?:any\s)?(?:\w+\s)?)\s?{_WHY}",
        rf"{_START}(?:do not|don't|never)\s(?:explain|justify)\b(?!\s(?:away|the\s(?:risk|side|danger)))",
        rf"{_START}(?:do not|don't|never)\s(?:include|add|write|provide|output|give|produce)\s(?:any\s)?"
        r"(?:other|additional|further|extra|more)\s(?:text|words?|comments?|commentary|characters?|output|information)\b"
        r"|\b(?:no|without)\s(?:other|additional|further|extra)\s(?:text|words|commentary|output)\b",
        rf"{_START}(?:do not|don't|never)\s{_REPORT}\sanything\s(?:else|other|except|but|more|beyond)\b",
        r"\b(?:think|reason|explain|work|proceed)\s(?:\w+\s){0,4}step[ -]by[ -]step\b|\blet's think\b",
        r"^(?:first,?\s)?(?:\w+ly\s)?(?:describe|list|explain|write|summari[sz]e|enumerate|reason)\b.{0,120}"
        r"(?:\bthen,?\s(?:\w+\s)?|\bbefore\s(?:you\s)?(?:\w+\s)?)(?:answer|rate|rating|score|scoring|give|giving"
        r"|provide|providing|output|decide|deciding|judge|judging|label|labell?ing|respond|assign)",
        rf"{_ALSO}(?:give|provide|report|include|add|state|output)\s(?:\w+\s){{0,4}}confidence\b",
    )
]

# "Answer 1 if yes, 0 if no.": a sentence that says what the labels stand for
_MEANING = re.compile(
    rf"{_START}(?P<core>(?:answer|respond|reply|output|return|say|write|label|use|give)\b.{{0,60}}"
    r"(?:\b(?:if|for|means)\s|[=:]\s?)[\"']?(?:yes|no|true|false)\b)[\"']?(?=\s?(?:[,.;:)!]|$)|\s(?:and|or|else|otherwise)\b)",
    re.IGNORECASE,
)
_ANSWER_WORD = re.compile(
    rf"{_START}(?:answer|respond|reply|output|say)\s(?:with\s|either\s)?(?:[\"'](?P<quoted>[^\"']{{1,40}})[\"']|(?P<word>[\w-]+))",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|when|whenever|unless|where|for|otherwise|except|in case)\b", re.IGNORECASE)

_NUMBER = r"\d{1,3}(?:\.\d{1,2})?(?!\w|[.,]\d)"
_FIRST = rf"(?<![\w.,-])-?{_NUMBER}"
_NOTE = r"(?:\s?\([^()]{0,80}\)|\s?=\s?\w+)?"
_ENDS = (
    r"(?=\s?(?:[,.;:)!?\"/]|$|[–—]|-\s)|\s(?:points?|stars?|inclusive|where|based|according|if|depending|with|on|to"
    r"|and|or|in|by|when|for|of how|overall|total|scale)\b)"
)
_BETWEEN = r"\s?(?:to|and|through|-|–|—|\.\.+|…)\s?"
_RATE = (
    r"\b(?:scores?|scored|scoring|rate|rates|rated|rating|ratings|grade|grades|graded|number|integer|value|mark|points?"
    r"|stars?)\b"
)
_SCALE = [  # the whole scale: `low` (if said) and `high`
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bscales?\s?(?:\(|:|(?:of|from|between|ranging from|that runs from|going from)\s)?\s?"
        rf"(?P<low>{_FIRST}){_NOTE}{_BETWEEN}(?P<high>{_NUMBER})",
        rf"(?P<low>{_FIRST}){_BETWEEN}(?P<high>{_NUMBER})\s(?:\w+\s)?(?:scale|range)\b",
        r"\b(?P<high>\d{1,3})[\s-]*points?[\s-](?:\w+\s){0,2}(?:scale|rating|score)\b",
        r"\b(?P<high>\d{1,3})[\s-]*(?:point|level|step|star)\s(?:\w+\s){0,1}scale\b",
    )
]
_RANGES = [  # values in a row; far from the word for rating only those that begin as scales do
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_RATE}(?:\s[^\W\d]+){{0,4}}?\s?(?:from|between|within|in the range|range|of|[:(=])?\s?"
        r"(?:of\s|from\s|between\s)?"
        rf"(?P<low>{_FIRST}){_NOTE}{_BETWEEN}(?P<high>{_NUMBER}){_NOTE}{_ENDS}",
        rf"{_RATE}(?:,?\s[^\W\d]+){{5,12}}?,?\s(?:from|between)\s(?P<low>[01](?![\w.])){_NOTE}{_BETWEEN}"
        rf"(?P<high>{_NUMBER}){_NOTE}{_ENDS}",
    )
]
_OUT_OF = re.compile(
    rf"{_RATE}\s(?:of\s|is\s|it\s|as\s|at\s)?{_NUMBER}\s?(?:/|out of)\s?(?P<one>\d{{1,3}})\b(?!\s(?:of|\w+s)\b)"
    rf"|(?<![\w./]){_NUMBER}\s?(?:/|out of)\s?(?P<two>\d{{1,3}})\s(?:points?|stars?)\b"
    rf"|{_RATE}[^.;\d]{{0,40}}?\bout of\s(?P<three>\d{{1,3}})\b{_ENDS}",
    re.IGNORECASE,
)
_SINGLE = re.compile(
    rf"\b(?:score|rating|rate it|grade|mark)\s(?:of|is|as|it|to|at|=)?\s?(?P<one>{_FIRST})"
    r"(?=\s?(?:[,.;:)!?\"=]|$)|\s(?:means?|is|if|when|for|to images)\b)"
    rf"|(?P<two>{_FIRST})\s?(?:=\s?\w|(?:means|stands for|indicates|denotes)\b)",
    re.IGNORECASE,
)
_FINER = re.compile(
    r"(?P<no>\b(?:no|not|without|avoid|never|don't)\s(?:\w+\s){0,2})?\b(?:half|decimal|fractional)[\s-]*"
    r"(?:points?|scores?|values?|ratings?|numbers?|steps?|stars?|places?)\b"
    rf"|{_ALSO}(?:answer|respond|give|provide|report|output|assign|return)\s(?:\w+\s){{0,4}}percentages?\b"
    r"|\buse\sdecimals\b|\bdecimals\sare\s(?:allowed|fine|possible)\b|\bas an?\spercentage\s?(?:[.,;:]|$)",
    re.IGNORECASE,
)


def sentences(prompt: str) -> list[str]:
    """The sentences and list entries of a prompt, without markdown and doubled white space."""
    text = re.sub(r"[^\S\n]+", " ", _DECORATION.sub("", prompt.translate(_QUOTES)))
    text = re.sub(r" ?\n ?(?=[a-z])", " ", text)  # a line that goes on
    text = re.sub(r"^ ?(?:[-•>+]|\d{1,2}[.)]) ", "", text, flags=re.MULTILINE)  # list entries
    parts = (part.strip() for part in re.split(r"(?<=[.!?]) |\n", text))
    return [part for part in parts if part]


def without(prompt: Sequence[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Take known sentences out of a prompt's; returns what remains, and which were not found."""
    text = "\n".join(prompt)
    missing = []
    for sentence in known:
        words = list(_WORD.finditer(text))
        row = " ".join(["", *(word.group().casefold() for word in words), ""])
        place = row.find(" ".join(["", *words_of(sentence), ""]))
        if place < 0:
            missing.append(sentence)
            continue
        first = row.count(" ", 0, place)
        last = first + len(words_of(sentence)) - 1
        text = text[: words[first].start()] + "\n" + text[words[last].end() :]
    return [part for part in text.split("\n") if part.strip()], missing


def format_sentences(prompt: Sequence[str], scale: LabelScale) -> list[str]:
    """Those that say how to write the answer, and the part of others that says what the labels as such stand for."""
    matching = []
    for sentence in prompt:
        meaning = _MEANING.search(sentence)
        if meaning:
            matching.append(meaning["core"])
        elif _is_format(sentence, scale):
            matching.append(sentence)
    return matching


def stray_scale(prompt: Sequence[str], scale: LabelScale) -> str | None:
    """The first mention of a scale, or of a value where one of the scale is due, that is not of this scale."""
    values = _Values(scale)
    return next((stray for sentence in prompt for stray in values.strays(_with_digits(sentence))), None)


def words_of(text: str) -> list[str]:
    """The words of a text, for comparing."""
    return [word.casefold() for word in _WORD.findall(text)]


def _is_format(sentence: str, scale: LabelScale) -> bool:
    named = {name.casefold() for name in (*scale.labels, *scale.aliases)}
    for match in _ANSWER_WORD.finditer(sentence):
        word = (match["quoted"] or match["word"]).strip(" .!").casefold()
        if word in named:
            if _CONDITION.search(sentence):
                return False  # a criterion: which label when
        elif match["quoted"] or word in ("yes", "no", "true", "false"):
            return True
    return any(pattern.search(sentence) for pattern in _FORMAT)


class _Values:
    """Which numbers are values of a scale."""

    def __init__(self, scale: LabelScale) -> None:
        self.scale = scale
        plain = [label for label in scale.labels if re.fullmatch(r"-?\d+", label)]
        self.digits = len(plain) == len(scale.labels)
        self.ordered = sorted(plain, key=int) if self.digits else []

    def strays(self, sentence: str) -> Iterator[str]:
        """Mentions in one sentence, as they stand there."""
        for pattern in _SCALE:
            for match in pattern.finditer(sentence):
                bounds = match.groupdict()
                if not self._is_whole(bounds.get("low"), bounds["high"]):
                    yield match.group().strip()
        for match in (match for pattern in _RANGES for match in pattern.finditer(sentence)):
            rising = float(match["low"]) < float(match["high"])  # else it may be a result of 3 to 1
            if not (self.has(match["low"]) and self.has(match["high"])) and (rising or self.digits or self.numeric):
                yield match.group().strip()
        for match in _OUT_OF.finditer(sentence):
            if not self._is_whole(None, match["one"] or match["two"] or match["three"]):
                yield match.group().strip()
        if self.digits or self.numeric:
            for match in _SINGLE.finditer(sentence):
                if not self.has(match["one"] or match["two"]):
                    yield match.group().strip()
        if not self.numeric:
            yield from (match.group().strip() for match in _FINER.finditer(sentence) if not match["no"])

    @property
    def numeric(self) -> bool:
        """Whether every number in a range is a value."""
        return self.scale.kind == "numeric"

    def has(self, number: str) -> bool:
        """Whether a number is a value of the scale."""
        if self.numeric:
            assert self.scale.low is not None and self.scale.high is not None
            return self.scale.low <= float(number) <= self.scale.high
        return self.digits and float(number) in map(float, self.ordered)

    def _is_whole(self, low: str | None, high: str) -> bool:
        """Whether these are the ends of the scale; high alone may also be the number of its labels."""
        if self.numeric:
            ends = (self.scale.low, self.scale.high)
        elif self.digits:
            ends = (float(self.ordered[0]), float(self.ordered[-1]))
        else:
            return low is None and float(high) == len(self.scale.labels) and self.scale.kind == "ordinal"
        if low is not None:
            return (float(low), float(high)) == ends
        return float(high) in (ends[1], float(len(self.scale.labels)))


def _with_digits(sentence: str) -> str:
    """``ten-point`` as ``10-point``: numbers as they are compared."""
    return _NUMBER_WORD.sub(lambda match: str(_NUMBERS.index(match.group().casefold())), sentence)


_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBERS)})\b", re.IGNORECASE)
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\u00a0": " ", "\r": "\n"})
