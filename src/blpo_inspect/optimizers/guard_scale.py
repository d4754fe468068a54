"""Whether a proposed judge prompt has the labels and the points of the scale, as far as English tells.

Criteria are full of numbers ("two of three", "subtract 0.5", "lighting (0–2 points)") and of words that are no labels.
What counts is what stands where a verdict is due: after a verb that gives one, as the ends of a scale, as the head of
an entry of a rubric. Every pattern looks at one sentence and has bounded gaps, so that long texts take time in
proportion to their length.
"""

import re
from collections.abc import Iterator

from blpo_inspect.judging.label_lexer import NUMBER_WORDS
from blpo_inspect.judging.label_text import number
from blpo_inspect.judging.labels import LabelScale

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\u00a0": " ", "\r": "\n"})
_DECORATION = re.compile(r"[*`#~]+|(?<!\w)_+|(?<!_)_+(?!\w)")
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(NUMBER_WORDS)})\b", re.IGNORECASE)

# ------------------------------------------------------------------------------------------------ words for labels
_LONGEST = 5_000
"""Characters of a sentence that are looked at: what a model repeats itself into is longer."""

_START = (
    r"(?:^|[:;,(\"–—]\s?|\b(?:please|must|should|shall|may|can|could|always|then|and|or|also|you|to you|just"
    r"|otherwise|else)\s)"
)
_OBJECT = (
    r"(?:(?:it|them|this|these|those|(?:the|an?|each|such)\s(?:\w+\s)?(?:images?|pictures?|photos?|ads?|cases?))\s)?"
)
_GIVE = (
    rf"{_START}(?:answer|respond|reply|return|output|say|label|mark|classify|categori[sz]e|rate|score|flag|report"
    rf"|choose"
    rf"|select|assign|use|give|tag|pick|call|write|put)\s{_OBJECT}(?:as\s|with\s|to\s|is\s|either\s)?(?:an?\s|the\s)?"
    r"(?:(?:label|verdict|category|answer|option|rating|score|class)\s(?:of\s)?)?"
)
_DUE = r"(?=\s?(?:[,.;:)!?]|$)|\s(?:if|when|whenever|where|for|instead|or|unless|in case|only|rather|otherwise)\b)"
_UNDECIDED = (
    r"(?:unsure|not sure|uncertain|unclear|unknown|borderline|ambiguous|neutral|maybe|perhaps|possibly|undecided"
    r"|undetermined|undeterminable|indeterminate|inconclusive|unrated|invalid|error|n/?a|not applicable|null|nil|none"
    r"|both|neither|mixed|other|partial(?:ly)?(?: \w+)?|somewhat \w+|potentially \w+|likely \w+|moderate(?:ly"
    r" \w+)?|skip"
    r"|abstain|depends|questionable|suspicious|in[- ]between|needs? (?:\w+ )?review|(?:can ?not|can't|unable to"
    r"|hard to)"
    r" (?:tell|judge|say|determine|decide|rate)|(?:insufficient|not enough) (?:information|evidence|context)"
    r"|don't know|i don't know|not safe for work)"
)
_NAMED = (  # "label doubtful ads …", "ads should be labelled …"
    rf"{_START}(?:label|mark|call|tag|classify)\s(?:(?!(?:that|which|who|with|say|word|where|from|of"
    rf"|like)\b)\w+\s){{1,3}}"
    r"(?:as\s)?|\b(?:should|must|to|shall|will)\sbe\s(?:labell?ed|marked|called|classified|rated|tagged"
    r"|flagged)\s(?:as\s)?"
)
_QUOTED_VERDICT = re.compile(
    rf"(?:{_GIVE}|{_NAMED})(?P<said>\"[^\"\n]{{1,30}}\"|'[^'\n]{{1,30}}'){_DUE}", re.IGNORECASE
)
_UNDECIDED_VERDICT = re.compile(rf"{_GIVE}(?P<said>{_UNDECIDED}){_DUE}", re.IGNORECASE)
_VERDICT_LIST = re.compile(
    rf"{_START}(?:answer|respond|reply|output|(?:label|rate|classify|grade|mark)\s{_OBJECT}(?:either\s)?(?:as|with))\s"
    r"(?:with\s|either\s|one of\s)?(?P<said>[\"']?\w+[\"']?(?:(?:,|/|,?"
    r" or)\s?[\"']?\w+[\"']?){1,9})(?=\s?(?:[.;:)!?]|$))",
    re.IGNORECASE,
)
_ONE_MORE = re.compile(
    r"\b(?:add|use|introduce|allow|create|have|is|into|as|with)\s(?:an?|the)\s(?:third|fourth|additional|extra"
    r"|new|separate"
    r"|middle|intermediate)\s(?:label|category|class|option|verdict|answer)\b"
    r"|\b(?P<count>\d)\s(?:\w+\s)?(?:labels|verdicts|possible answers|answer options)\b",
    re.IGNORECASE,
)
_UNDECIDED_HEAD = re.compile(rf"^(?P<said>{_UNDECIDED})\s?(?::|=|[–—-]\s)\s?(?P<rest>.*)", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:no|not|never|don't|without|avoid|instead of|rather than|neither|nor|would|than|cannot|isn't)\b",
    re.IGNORECASE,
)
_QUOTATION = re.compile(r"\"[^\"\n]{1,80}\s[^\"\n]{1,80}\"")
_STANDS_FOR = r"\s?(?:(?:if|for|means)\s|[=:(–-])\s?"
_YES_NO = ("yes", "no", "true", "false")

# ------------------------------------------------------------------------------------------------ points of a scale
_NUMBER = r"\d{1,3}(?:\.\d{1,2})?(?!\w|[.,]\d|:\d)\s?%?"
_FIRST = rf"(?<![\w.,:-])-?{_NUMBER}"
_NOTE = r"(?:\s?\([^()]{0,80}\)|\s?=\s?\w+)?"
_TO = r"\s?-?\s?(?:to|and|through|-|–|—|\.\.+|…)\s?-?\s?"
_RATE = (
    r"\b(?:levels?|scor(?:es?|ed|ing)|rat(?:e|es|ed|ings?)|grad(?:e|es|ed|ing)|numbers?|integers?|values?|marks?"
    r"|points?|stars?"
    r"|answers?)\b"
)
_ENDS = (
    r"(?=\s?(?:[,.;:)!?\"/|]|$|[–—]|-\s)|\s(?:points?|stars?|inclusive|where|based|according|if|depending|with|on|to"
    r"|and|or|in|by|when|for|of how|overall|total|scale|instead|percent)\b)"
)
_SCALE = [  # the whole scale: `low` (if said) and `high`
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:scale|rubric|range)s?(?:\s[^\W\d]+){{0,3}}?\s?(?:\(|:|(?:of|from|between|ranging from|that runs"
        rf" from|going from)\s)?\s?"
        rf"(?P<low>{_FIRST}){_NOTE}{_TO}(?P<high>{_NUMBER})",
        rf"(?P<low>{_FIRST}){_TO}(?P<high>{_NUMBER})[\s-](?:\w+\s)?(?:scale|range|rubric)\b",
        rf"^(?:please\s)?(?:score|rate|grade|give a (?:score|rating))(?:\s[^\W\d]+){{0,8}}?\s(?:from|between|of)\s"
        rf"(?P<low>{_FIRST}){_TO}(?P<high>{_NUMBER})(?:\sinstead)?(?=\s?(?:[.;)]|$))",
        r"\b(?P<high>\d{1,3})[\s-]*(?:points?|levels?|steps?|stars?|tiers?|grades?)[\s-]"
        r"(?:(?:\w+\s){0,2}?(?:scale|rubric|system|scheme|likert)|(?<!star.)(?:rating(?! penalty| bonus)|score))\b",
    )
]
_RANGES = [  # values in a row; far from the word for rating only those that begin as scales do
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_RATE}(?!\sby\b)(?:\s[^\W\d]+){{0,4}}?\s?(?:from|between|within|in the range|range|of|[:(=])?\s?"
        rf"(?:of\s|from\s|between\s)?(?P<low>{_FIRST}){_NOTE}{_TO}(?P<high>{_NUMBER}){_NOTE}{_ENDS}",
        rf"{_RATE}(?:,?\s[^\W\d]+){{5,12}}?,?\s(?:from|between)\s(?P<low>[01](?![\w.])\s?%?){_NOTE}{_TO}"
        rf"(?P<high>{_NUMBER}){_NOTE}{_ENDS}",
        rf"{_START}(?:give|assign|estimate|provide|output|report|return)\s(?:[^\W\d]+\s){{1,4}}(?:from|between|of)\s"
        rf"(?P<low>{_FIRST}){_TO}(?P<high>{_NUMBER}){_ENDS}",
    )
]
_OUT_OF = re.compile(
    rf"{_RATE}\s(?:of\s|is\s|it\s|as\s|at\s|them\s)?{_NUMBER}\s?(?:/|out of)\s?(?P<one>\d{{1,3}})\b(?!\s(?:of|\w+s)\b)"
    rf"|(?<![\w./]){_NUMBER}\s?(?:/|out of)\s?(?P<two>\d{{1,3}})\s(?:points?|stars?)\b"
    rf"|\b(?:deserves?|gets?|receives?|award|give)\s(?:an?\s)?{_NUMBER}/(?P<four>\d{{1,3}})\b{_ENDS}"
    rf"|{_RATE}[^.;\d]{{0,40}}?\bout of\s(?P<three>\d{{1,3}})\b{_ENDS}",
    re.IGNORECASE,
)
_VALUE_DUE = (
    r"(?=\s?(?:[,.;:)!?\"'=]|$|[–—])|\s(?:if|when|for|only|or|to [^\W\d]+|stars?|means?|is|are"
    r"|instead|unless|where|whenever|indicates?|even|on this)\b)"
)
_VALUES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:scor(?:es?|ed)|rat(?:e|ed|ings?)|grad(?:e|ed)|marks?|give[ns]?|assign(?:ed)?|award(?:ed)?|answer"
        r"|return|output"
        r"|respond|reply|deserves?|merits?|receives?|gets?|earns?|reach(?:es)?|label(?:led)?|choose|select|say"
        r"|values?)\s"
        rf"{_OBJECT}(?:as\s|with\s|of\s|is\s|to\s|at\s|be\s|even\s|an?\s|the\s|up to\s|above\s|below\s|over\s"
        rf"|under\s|beyond\s"
        r"|(?:higher|lower|more|less|greater)\sthan\s|exceeds?\s|(?:score|rating|value|label|grade)\s(?:of\s)?){0,4}"
        rf"(?P<one>{_FIRST})(?:\sor\s(?P<two>{_NUMBER}))?{_VALUE_DUE}",
        rf"^an?\s(?P<one>{_FIRST})\s(?:is|goes|belongs|requires|needs)\b",
        rf"\b(?:(?:scores?|ratings?)\s(?:go|goes|run|runs|reach)\sup\sto|(?:award|give"
        rf"|assign)\s(?:it\s)?up\sto)\s(?P<one>{_FIRST})",
        r"\b(?:use|answer|give|choose|one of|output|labels?|scores?)\s(?:[^\W\d]+\s)?(?:-?\d{1,3},\s){1,9}"
        r"(?:-?\d{1,3},?\s)?"
        rf"(?:or|and)\s(?P<one>{_FIRST}){_VALUE_DUE}",
        rf"(?P<one>{_FIRST})\s?(?:=\s?[^\W\d]|(?:means|stands for|indicates|denotes|represents)\b)",
        rf"\b[^\W\d]+\s?=\s?(?P<one>{_FIRST})(?=\s?(?:[,.;)]|$))",
        rf"(?:^|[,;(]\s?)(?:score|rating|level|grade|label)?\s?(?P<one>{_FIRST})(?:{_TO}(?P<two>{_NUMBER}))?"
        r"\s?(?:points?|stars?|★)?\s?(?::\s|:$|–\s|—\s|-\s)",
        rf"^\|\s?(?:score|rating|level)?\s?(?P<one>{_FIRST})\s?\|",
    )
]
_TABLE_OF_POINTS = re.compile(r"\|\s?(?:scores?|ratings?|levels?|grades?|points?|labels?)\s?\|", re.IGNORECASE)
_FINER = re.compile(
    r"\b(?:half|decimal|fractional|quarter)[\s-]*(?:points?|scores?|values?|ratings?|numbers?|steps?|stars?"
    r"|marks?|grades?)\b"
    r"|\b(?:use|give|allow|report|with)\s(?:\w+\s)?decimals\b|\bdecimals\sare\s(?:allowed|fine|possible|welcome)\b"
    r"|\b(?:decimal places?|(?:steps|increments) of 0?\.\d+|0?\.\d+[ -](?:steps|increments))\b|\b(?:such as|like"
    r"|e\.g\.,?|for example,?)\s\d{1,3}\.\d\b"
    r"|\b(?:percent|percentage)\s(?:scores?|scale|ratings?)\b|\bas an?\spercentage\b|\bin\spercent\b"
    rf"|{_START}(?:answer|respond|give|provide|report|output|assign|return)\s(?:\w+\s){{0,4}}percentages?\b",
    re.IGNORECASE,
)
_LETTERS = re.compile(
    r"\b[Ll]etter[\s-][Gg]rades?\b|\b(?:[Gg]rades?|[Ff]rom|[Ss]cale)\s(?:it\s|of\s|from\s|the image\s)*A[+-]?\s?"
    r"(?:\([^()]{0,40}\)\s?)?(?:to|-|–|through|,)\s?[B-F]\b|\bA, B, C\b(?=.{0,30}\bgrades?\b)"
)
_SUM = re.compile(
    r"\b(?:subtract|deduct|minus|plus|add|adds|added|adding|sum|total|average|mean|product|round\w*|multipl\w+|weigh\w*"
    r"|penal\w+|bonus|start|starting|begin|lower|lowers|reduce|raise|weights?|factor|take off|takes? \d\S*"
    r" (?:points? )?off)\b"
    r"|[×÷]",
    re.IGNORECASE,
)
_INNER = re.compile(
    r"\b(?:internally|mentally|in your (?:head|mind)|for yourself|each (?!image|picture|photo|ad\b)|per (?!image"
    r"|picture)"
    r"|aspects?|criteri(?:on|a)|sub-?scores?|then (?:map|convert|rescale|divide|average|sum|add))\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\b(?P<of>[^\W\d]+)\s?\(\s?[+−-]?\d[^()]{0,80}\)")
_COUNTS = re.compile(r"\b(?:minus|times|number of)\b", re.IGNORECASE)
_WHOLE = re.compile(r"(?:scores?|ratings?|scale|grade|image|picture|photo|it|value|label|answer|naturalness)", re.I)


def scale_problem(new: str, old: str, scale: LabelScale) -> str | None:
    """Why a proposal has other labels or points than the scale, or None. What the old prompt says may stay."""
    if strays := list(_strays(new, scale)):
        known = {_folded(stray) for stray in _strays(old, scale)}
        stray = next((stray for stray in strays if _folded(stray) not in known), None)
        if stray is not None:
            return f'it speaks of another scale ("{stray}"); the labels stay as they are'
    if turned := _turned(new, old, scale):
        return f'it changes what a label stands for ("{turned}"); the labels stay as they are'
    values = scale.kind == "numeric" or (scale.kind == "ordinal" and _numbers(scale))
    otherwise = values or scale.kind == "pair"  # numbers and pictures can be meant without a label's name
    if not otherwise and _names_label(old, scale) and not _names_label(new, scale):
        return f"it names none of the labels ({', '.join(scale.labels)}), which stay as they are"
    return None


def _sentences(prompt: str) -> list[str]:
    """The sentences and list entries of a prompt, without markdown and doubled white space."""
    text = re.sub(r"[^\S\n]+", " ", _DECORATION.sub("", prompt.translate(_QUOTES)))
    text = re.sub(r" ?\n ?(?=[a-z])", " ", text)  # a line that goes on
    parts = (
        re.sub(r"^ ?(?:[-•>+]|\d{1,2}[.)]) ", "", part[:_LONGEST]).strip() for part in re.split(r"(?<=[.!?]) |\n", text)
    )
    return [part for part in parts if part]


def _strays(prompt: str, scale: LabelScale) -> Iterator[str]:
    """Mentions of labels or points that are not the scale's, as they stand there."""
    points = _Points(scale)
    table = _TABLE_OF_POINTS.search(prompt) is not None
    for sentence in _sentences(prompt):
        in_figures = _NUMBER_WORD.sub(lambda word: str(NUMBER_WORDS.index(word[0].casefold())), sentence)
        if scale.kind != "numeric":
            yield from _other_labels(sentence, scale)
            yield from _one_more(in_figures, scale)
        if table or not sentence.startswith("|"):
            yield from points.strays(_QUOTATION.sub('""', in_figures))


def _other_labels(sentence: str, scale: LabelScale) -> Iterator[str]:
    for pattern in (_QUOTED_VERDICT, _UNDECIDED_VERDICT, _VERDICT_LIST):
        for match in pattern.finditer(sentence):
            said = match["said"]
            if not _names_label(said, scale) and not _denied(sentence, match.start("said")):
                yield said.strip("\"' ")
    head = _UNDECIDED_HEAD.match(sentence)
    if head and not _names_label(sentence, scale):
        yield head["said"]
    names = "|".join(re.escape(label) for label in sorted(scale.labels, key=len, reverse=True))
    label = rf"[\"']?(?:{names})[\"']?"
    other = r"[\"']?(?P<said>(?!(?:if|when|else|otherwise|or|and)\b)[^\W\d]\w*(?:\s\w+)?)[\"']?"
    end = r"(?=\s?(?:[.?!;:)]|$))"
    for form in (
        rf"{label}(?:(?:,|/|,? or)\s?{label}){{1,9}}(?:/|,? or\s|,\s)\s?{other}{end}",
        rf"{label}(?:/|,\s){other}(?:/|,? or\s){label}{end}",
    ):
        for match in re.finditer(form, sentence, re.IGNORECASE):
            said = _folded(match["said"])
            if said not in {_folded(name) for name in (*scale.labels, *scale.aliases)}:
                yield match.group()


def _one_more(sentence: str, scale: LabelScale) -> Iterator[str]:
    for match in _ONE_MORE.finditer(sentence):
        few = match["count"] is not None and int(match["count"]) <= len(scale.labels)
        if not few and not _DENIED.search(sentence):
            yield match.group()


def _denied(sentence: str, place: int) -> bool:
    """Whether what stands in a place is ruled out in its clause."""
    return _DENIED.search(re.split(r"[,;:—]", sentence[max(place - 80, 0) : place].rstrip("\"' "))[-1]) is not None


def _names_label(text: str, scale: LabelScale) -> bool:
    """Whether a label, or a word that stands for one, is in a text."""
    names = "|".join(re.escape(name) for name in (*scale.labels, *scale.aliases))
    return re.search(rf"(?<![A-Za-z0-9_])(?:{names})(?![A-Za-z0-9_])", text, re.IGNORECASE) is not None


def _turned(new: str, old: str, scale: LabelScale) -> str | None:
    """Where a number that stands for yes stands for no, or the two ends of a scale are swapped."""
    if not _numbers(scale):
        return None
    ends = (scale.labels[0], scale.labels[-1]) if scale.ordered else scale.labels
    old, new = (" ".join(_DECORATION.sub("", text.translate(_QUOTES)).split()).casefold() for text in (old, new))
    meant = {name.casefold(): label for name, label in scale.aliases.items() if number(name) is None}
    for label in ends:
        for said in re.findall(rf"(?<![\w.]){label}{_STANDS_FOR}([^,.;:()]{{2,40}})(?=[,.;:)]|$)", old):
            if scale.kind == "ordinal" or said in _YES_NO:
                meant[said] = label
    for said, label in meant.items():
        for other in (end for end in ends if end != label):
            after = rf"(?<![\w.]){other}[\s\"']?{_STANDS_FOR}[\"']?{re.escape(said)}"
            before = (
                rf"\b{re.escape(said)}[\"']?\s?(?:[,:=→]|->|means|is)\s?"
                rf"(?:(?:answer|output|return|say)\s)?[\"']?{other}"
            )
            found = re.search(rf"(?:{after}|{before})[\"']?(?=\s?(?:[,.;:)!]|$|and\b|or\b|otherwise\b|else\b))", new)
            if found:
                return found.group()
    return None


def _numbers(scale: LabelScale) -> list[float]:
    """The labels as numbers; empty where they are words."""
    values = [value for label in scale.labels if (value := number(label)) is not None]
    return sorted(values) if len(values) == len(scale.labels) else []


class _Points:
    """Which numbers are values of a scale."""

    def __init__(self, scale: LabelScale) -> None:
        self.scale = scale
        self.values = _numbers(scale)
        self.numeric = scale.kind == "numeric"

    def strays(self, sentence: str) -> Iterator[str]:
        """Mentions in one sentence, as they stand there."""
        sentence = self._without_asides(sentence)
        valued = bool(self.values) or self.numeric
        if not _INNER.search(sentence):
            for match in (match for pattern in _SCALE for match in pattern.finditer(sentence)):
                if not self._is_whole(match.groupdict().get("low"), match["high"]):
                    yield match.group().strip()
            for match in (match for pattern in _RANGES for match in pattern.finditer(sentence)):
                rising = _value(match["low"]) < _value(match["high"])  # else it may be a result of 3 to 1
                if not (self.has(match["low"]) and self.has(match["high"])) and (rising or valued):
                    yield match.group().strip()
            for match in _OUT_OF.finditer(sentence) if "/" in sentence or "out of" in sentence.lower() else ():
                if not self._is_whole(None, match["one"] or match["two"] or match["three"] or match["four"]):
                    yield match.group().strip()
        if not valued and not self.scale.ordered:
            return
        if not _LETTERS.search(" ".join(self.scale.labels)):
            yield from (match.group() for match in _LETTERS.finditer(sentence))
        if _SUM.search(sentence):
            return
        if valued:
            for match in (match for pattern in _VALUES for match in pattern.finditer(sentence)):
                said = [match["one"], match.groupdict().get("two")]
                denied = _denied(sentence, match.start("one"))
                if "%" not in match.group() and not denied and not all(self.has(value) for value in said if value):
                    yield match.group().strip()
        if all(value.is_integer() for value in self.values) and not self.numeric:
            yield from (match.group().strip() for match in _FINER.finditer(sentence) if not _DENIED.search(sentence))

    def has(self, said: str) -> bool:
        """Whether a number is a value of the scale."""
        if self.numeric:
            assert self.scale.low is not None and self.scale.high is not None
            return self.scale.low <= _value(said) <= self.scale.high
        return _value(said) in self.values

    def _is_whole(self, low: str | None, high: str) -> bool:
        """Whether these are the ends of the scale; high alone may also be the number of its labels."""
        count = float(len(self.scale.labels))
        if self.numeric:
            ends = (self.scale.low, self.scale.high)
        elif self.values:
            ends = (self.values[0], self.values[-1])
        else:
            return low is None and _value(high) == count and self.scale.kind == "ordinal"
        if low is not None:
            return (_value(low), _value(high)) == ends
        return _value(high) in (ends[1], count)

    def _without_asides(self, sentence: str) -> str:
        """A sentence without the numbers of other quantities, such as "severity (0–3)"."""
        asides = list(_ASIDE.finditer(sentence))
        rated = re.match(rf"{_RATE}|(?:give|assign)\b", sentence, re.IGNORECASE)
        if len(asides) == 1 and not _COUNTS.search(sentence) and (rated or _WHOLE.fullmatch(asides[0]["of"])):
            return sentence
        return _ASIDE.sub(r"\g<of>", sentence)


def _value(said: str) -> float:
    return float(said.strip(" %"))


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
