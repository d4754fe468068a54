"""Texts that are no prompt: refusals, remarks about the prompt, and requests that only make sense beside another one.

Known by who speaks and of what: the author of an answer speaks as "I", and of the prompt; a prompt speaks of images. As
far as English tells; refusals also in the languages of `answer_words.REFUSAL`.
"""

import re

from blpo_inspect.judging.answer_words import REFUSAL
from blpo_inspect.judging.labels import LabelScale

_SENTENCE = r"(?:^|(?<=[.!?:\n])|(?<=[.!?:\n]\s))[\s\"'(\[*#>-]{0,4}"
_PROMPT = r"(?:prompts?|instructions?|requests?|wording|versions?|rewrite|revision)\b"
_NEW = (
    r"(?:improved|revised|new|updated|rewritten|refined|modified|final|better|proposed|suggested|optimi[sz]ed|enhanced)"
)
_DID = (
    r"(?:added|changed|kept|removed|clarified|revised|rewrote|rewritten|modified|improved|updated|included|dropped|made"
    r"|tightened|expanded|left|adjusted|reworded|simplified|refined|incorporated|emphasi[sz]ed|tried|preserved|avoided"
    r"|focused|believe|think|suggest|propose|recommend|hope)"
)
_REFUSES = re.compile(
    rf"{_SENTENCE}(?:(?:no|well|unfortunately|regrettably|apologies|hello|hi|thanks?(?: you)?),?\s)?(?:(?:i'm|i"
    rf" am|we're"
    r"|we are)\s(?:really\s|very\s|so\s|deeply\s)?(?:sorry|afraid|unable|not able|not comfortable|not allowed|not"
    r" permitted"
    r"|not in a position|only an? |just an? |an ai)|(?:i|we)\s(?:can ?not|can't|could not|couldn't|won't|will not"
    r"|must|have to"
    r"|need|would rather not|do not|don't|am not|would need|lack)\s(?!(?:stress|emphasi[sz]e|want|you to)\b)"
    r"|(?:i'd|i would)\s"
    r"(?:rather not|prefer not|need)|(?:i|we)\s(?:apologi[sz]e|decline|refuse)\b|my\sapologies|apologies\b|sorry\b"
    r"|as an? (?:ai|language model|assistant)|(?:this|that|your) request (?:violates|is against|goes against|can ?not)"
    r"|(?:cannot|can't|unable to) (?:comply|help|assist|fulfil|complete|improve|provide|generate|produce|rewrite|do)\b)"
    r"|\bi (?:can ?not|can't|won't|will not) (?:write|provide|help|assist|produce|create|generate|rewrite|improve"
    r"|continue"
    r"|comply|do|judge|rate|answer|support)\b|\bnot something i (?:can|will|am able)\b",
    re.IGNORECASE,
)
_REFUSES_ABROAD = re.compile(rf"(?!\W*[a-z]+ (?:to|be|tell|say|judge)\b)\W{{0,4}}(?:{REFUSAL.pattern})")
_REMARK = re.compile(
    # "Improved instruction: …", "Here is the new prompt", "Sure, …", "Changes: …"
    rf"{_SENTENCE}(?:(?:sure|certainly|of course|okay|ok|absolutely|great)\b[,!.:]\s?(?=here|i\b|let|below|this"
    rf"|the|\n|$)"
    rf"|(?:the\s|my\s|an?\s|your\s)?{_NEW}\s(?:\w+\s){{0,2}}{_PROMPT}\s?(?:\(|:|is\b|here\b|[-–—]\s|\n|$)"
    rf"|(?:judge\s|i2t\s)?(?:prompt|instruction|request)\s?:"
    rf"|(?:here(?:'s| is| are)|below is|this is|the following is)\s(?:the|an?|my|your)\s(?:\w+\s){{0,4}}{_PROMPT}"
    r"|(?:changes?(?: made)?|change ?log|rationale|summary of changes|explanation(?: of changes)?|what changed"
    r"|edits?|why"
    r"|reason(?:s|ing)?(?: for (?:the|this|these) \w+)?|added|removed|characters|word count)\s?(?::|\n|-\s)"
    r"|(?:let me know|hope (?:this|that) helps|feel free|please (?:provide|share|send|upload|paste|clarify|confirm)"
    r"|(?:could|can|would|will) you (?:please |kindly )?(?:provide|share|send|upload|paste|clarify|confirm|specify"
    r"|like|tell me|give me|show me)|do you want (?:me|another|to see)|shall i|should i|may i (?:ask|see)"
    r"|(?:what|which|how)\b[^?\n]{0,60}\b(?:should i|shall i|would you like|do you (?:mean|want|need|prefer))"
    r"|i(?:'d| would) be happy)\b"
    r"|(?:no (?:further )?(?:changes?|updates?|edits?|modifications?|improvements?|revisions?) (?:(?:is|are|was"
    r"|were) )?(?:needed"
    r"|necessary|required|made|proposed|to make|suggested)|nothing (?:to|needs to|should) (?:be )?change)\b)"
    r"|\A\W{0,4}(?:here(?:'s| is| are)|below is)\b(?![^:\n]*(?:image|picture|photo|criteria|label))[^:\n]{0,60}:"
    r"|\A\W{0,4}(?:final )?(?:answer|output|result|proposal|response)\s?:"
    # "I added …", "This version keeps …", "The instruction should mention …"
    rf"|\b(?:i|we)(?:'ve|\shave|\salso|\sonly|\sjust|\sfirst|\sslightly|\s\w+ly){{0,2}}\s{_DID}\b"
    rf"|\bthis (?:revised |new |updated |improved )?(?:prompt|instruction|version|wording|rewrite|revision)\b"
    rf"|\b(?:the|my) (?:improved|revised|updated|rewritten|previous|current|old) (?:judge )?{_PROMPT}"
    r"|\b(?:the|these|this|my) (?:changes?|additions?|edits?|revisions?) (?:makes?|address\w*|ensures?|should"
    r"|helps?|reflects?"
    r"|clarif\w+|above|below)\b"
    r"|\bthe (?:judge )?(?:prompt|instruction) (?:should|could|must|can|needs? to|does not|doesn't) (?:not"
    r" )?(?:also )?(?:mention"
    r"|say|state|ask|add|include|stay|remain|specify|tell|need|change|be (?:more|less|changed|kept))\b|\bthe"
    r" judge is too\b"
    rf"|\b{_PROMPT} (?:is|are|remains?|stays?) (?:already )?(?:fine|good|unchanged|the same|correct|optimal|adequate"
    r"|sufficient|ok(?:ay)?|as (?:it|they) (?:is|are|was|were))\b|^\W{0,4}(?:no changes?|unchanged|same(?: as"
    r" (?:before|above))?"
    r"|n/?a|none|todo|tbd|see above|as (?:before|above))\W{0,4}$|^(?:keep|leave|use) (?:it|the (?:\w+ )?(?:prompt"
    r"|instruction"
    r"|request)) (?:as|unchanged)\b|<!--|^[ \t]{0,9}\[[^\]\n]{0,400}\][ \t]{0,9}$",
    re.IGNORECASE | re.MULTILINE,
)
_WHOLE_IN_BRACKETS = re.compile(r"[\[(<][^\[\]()<>]*[\])>]\.?")
_QUOTATION = re.compile(r"\"[^\"\n]{1,80}\"|“[^”\n]{1,80}”")
_TEMPLATE = re.compile(
    r"\[(?:your|insert|the|add|new|improved|put|write|rest of|same|unchanged|previous|existing"
    r"|original)\b[^\]\n]{0,60}\]"
    r"|<(?:your|insert|new|improved)\b[^>\n]{0,60}>|\((?:rest|remainder) (?:unchanged|as before)\)",
    re.IGNORECASE,
)
_OTHER_REQUEST = re.compile(
    r"\brequests?\s(?:(?:no\.?|number|#)\s?)?#?\d|\b(?:previous|prior|earlier|preceding|last|best|first|second"
    r"|third|original"
    r"|existing|current|other|above|tried|former|latter)\s(?:(?:\w+\s)?(?:requests?|prompts?|instructions?"
    r"|versions?)|one)\b"
    r"|\b(?:same|as|like|than|from) (?:as )?(?:before|previously|above|earlier|last time)\b|\bsee above\b|\bonce more\b"
    r"|\b(?:in addition to|besides|on top of) (?:the above|that|this|what was asked)\b|^(?:also|additionally|plus"
    r"|the same|do the same)\b"
    r"|\b(?:the|all) above\b|\bcombine requests\b",
    re.IGNORECASE,
)
_MARK = r"(?:ratings?|scores?|grades?|labels?|verdicts?|classifications?|judge?ments?|decisions?|percentage|rank)"
_CLAUSE = r"(?:^|[.:;,!?(\n–—]\s?|\b(?:please|then|and|finally|also|to|you|or|by)\s)"
_ASKS_FOR_LABEL = re.compile(
    rf"{_CLAUSE}(?:rate|score|grade|classify|categori[sz]e|rank)\s(?:it|them|how|whether|this|each|its|the|from"
    rf"|on|as|image)\b"
    rf"|{_CLAUSE}(?:give|assign)\s(?:each|every)\s\w+\san?\s{_MARK}\b"
    rf"|{_CLAUSE}(?:choose|pick|select|tell me)\s(?:the|an?)\s{_MARK}\b"
    rf"|{_CLAUSE}label\s(?:it|this|the (?:image|picture|photo))\b"
    rf"|{_CLAUSE}(?:give|assign|provide|state|report|include|add|return|output|end with|finish with|conclude with"
    rf"|propose"
    rf"|choose|pick|select)\s(?:it\s|the image\s)?(?:an?|your|one|its|the)\s(?:\w+\s){{0,2}}?{_MARK}"
    r"(?!\s(?:on|of (?:the|any|each) (?:product|bottle|package)|text|visible|that|printed|shown))\b"
    rf"|\b(?:what|which)\s{_MARK}\s(?:would|do|does|should|fits|is best)\b|\bon a scale\b|\bout of (?:\d|ten|five)"
    r"|\bfrom (?:\d|one|zero) to (?:\d|ten|five|hundred)|\b(?:an?|single|one)[ -](?:one|single)?[ -]?word"
    r"(?: answer| reply| response| label)\b|\b(?:in|with|using|only|exactly|just) (?:just |only |exactly )?(?:one"
    r"|a single|1)"
    r" (?:word|number|digit|letter|token|label)\b|\byes(?:/| or )no\b|\btrue(?:/| or )false\b"
    r"|\b(?:answer|reply|respond)(?: only| just)? (?:with )?[\"']?(?:yes|no|a number|a label|the label|a score)\b"
    r"|\b(?:only|just) (?:the|a|one) (?:label|number|score|rating|word|verdict)\b",
    re.IGNORECASE,
)


def remark(text: str) -> str | None:
    """What in a text is no prompt: a refusal, a remark about the prompt, a blank to fill in; None if nothing is."""
    plain = _QUOTATION.sub('""', text.replace("’", "'").strip())
    if not re.search(r"[^\W\d_]", plain):
        return "it has no words"
    if _WHOLE_IN_BRACKETS.fullmatch(plain):
        return f'it is only a remark ("{plain[:60]}")'
    if said := _REFUSES.search(plain) or _REFUSES_ABROAD.match(plain.casefold()):
        return f'it is a refusal ("{said.group().strip()}"), not an instruction'
    for pattern in (_REMARK, _TEMPLATE):
        if said := pattern.search(plain):
            return f'it has a remark that is no part of an instruction ("{said.group().strip()[:60]}")'
    return None


def asked_elsewhere(request: str, scale: LabelScale) -> str | None:
    """Why a request for a description asks for something else, or refers to another request; None if it does not."""
    plain = request.replace("’", "'")
    if said := _OTHER_REQUEST.search(plain):
        return f'it refers to another request ("{said.group()}"), which the describer does not see'
    said = _ASKS_FOR_LABEL.search(plain) or _label_question(plain, scale)
    return f'it asks for a label ("{said.group().strip()}"), and a request is for a description' if said else None


def _label_question(request: str, scale: LabelScale) -> re.Match[str] | None:
    words = [re.escape(name) for name in (*scale.labels, *scale.aliases) if not name.isdigit()]
    if not words:
        return None
    label = rf"[\"']?(?:{'|'.join(words)})[\"']?"
    asked = rf"\b{label}(?:\s?(?:/|,|or|vs\.?|versus)\s?)+(?:is\s|it\s)?{label}\b"
    single = (
        rf"\b(?:whether|if|is|are|decide|say|judge)\s(?:it|this|the \w+|they)?\s?(?:is|are|looks?|seems?)?\s?{label}\b"
    )
    return re.search(rf"{asked}|{single}", request, re.IGNORECASE)
