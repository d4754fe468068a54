"""The grammar's patterns: what opens a mark or a statement, and what may follow a label in its sentence.

Made of the words of `answer_words`; put together by `answer_parser`. All quantifiers are bounded: time stays linear.
"""

import re

from blpo_inspect.judging import answer_words as words

STATED = "\x01"
"""Stands before what a tag or a box marks as the answer; no normalized reply contains it."""

TRUTH = re.compile(
    r"\s{0,3}[:?=,.;!–—-]{1,2}\s{0,3}(?P<no>no|not|nope|never|false|none|0|nein|non|нет|否|hardly|doubtful|unlikely"
    r"|i doubt\w{0,2}|不|いいえ|아니요|✗|❌)(?:\b|(?=\W)|$)"
    r"|\s{0,3}[:?=]\s{0,3}(?P<yes>yes|true|1|y|да|是|はい|예|ja"
    r"|oui|sí|si)\b"
)
AMOUNT = re.compile(
    r"[\s:=,(–-]{1,4}\d{1,6}(?:[.,]\d{1,6})?\s?(?:%(?!\s?(?:confiden|certain|sure|likel))|/|[).,;]?\s?$|[),;]\s)"
)
ENDS = re.compile(r"\s{0,3}[)\]}*_\"'”“’»」』|.!。]{0,6}\s{0,3}\Z")
TAIL = re.compile(
    rf"\s{{0,3}}[)\]}}\"'”“’»」』|]{{0,4}}\s{{0,3}}(?:[,.;:!。、]|[-–—]\s|\n|[({{\[]|(?:です|だ|である|的|分|级|級|입니다|합니다)?[。.,]|$)"
    rf"|\s{{1,3}}(?:{words.REASON})(?=\W|$|[\u3040-\u9fff])|\s(?:geben|bewerten|vergeben|eingestuft|bewertet"
    rf"|beurteilt|klassifiziert|eingeordnet)(?=\W|$)|(?:です|である|だ|的|입니다)(?=\s|$)"
)
RIVAL = re.compile(
    r"[\s\"')\]]{0,4}(?:/|\.{2,3}|\bor\b|\bto\b|\band\b|\bbis\b|\bou\b|\boder\b|\bo\b|-|–|~|,|;|\||或|か"
    r"|또는)[\s\"'(\[]{0,4}"
)
ABBREVIATED = re.compile(r"(?:^|\s)(?:no|nr|fig|num|vol|pp?|ch|ex|sec|step|item|image)\.?$")
RESTATES = re.compile(
    r"\s{0,3}\([^()\n]{0,40}\)\s{0,3}(?:to|-|–|and|bis|,|;)\s{0,3}\d|\s{0,3}\(?\s{0,2}(?:=|→|->|\b(?:means?"
    r"|meaning|would|indicates?|represents?|stands for|denotes?|being|signif\w{2,5}|is (?:the|for|when|if)"
    r"|bedeutet|if|when|for)\b)|\s{0,3}:\s{0,3}(?:no|full|perfect|poor|excellent|bad|good|very|worst|best|partial)\b"
)
ARTICLE = r"(?:(?:a|an|the|exactly|about|as|only|at|ein|eine|un|une|una|um|uma|een|en|et)\s{1,3}){0,2}"
_ADVERB = (
    r"(?:clearly|definitely|indeed|therefore|thus|hence|overall|likely|probably|most likely|certainly|obviously"
    r"|completely"
    r"|entirely|fully|totally|perfectly|absolutely|simply|generally|very|quite|highly|just|also|best|best described as"
    r"|in fact|in my opinion|to be|considered(?: as| to be)?|deemed|rated(?: as)?|classified as|classed as"
    r"|label(?:l)?ed(?: as)?"
    r"|judged(?: as| to be)?|regarded as|categorized as|graded)"
)
_AUX = r"(?:would|['’]d|will|['’]ll|do|must|have to|am going to|hereby|therefore|thus|personally|confidently)"
_PICTURE = (
    rf"(?:(?:overall|given|provided|shown|above|whole|entire)\s)?(?:{words.PICTURE})(?:'s content)?(?:\s(?:shown"
    rf"|above|here|itself|provided|in question|content|as a whole))?"
)
_IT = (
    rf"(?:(?:the\s(?:overall\s)?(?:{words.ASPECTS})(?:\sof\s(?:the|this)\s{_PICTURE})?)|(?:the|this"
    rf"|that)\s(?:(?:content|scene)\s(?:of|in)\s(?:the|this)\s)?{_PICTURE}|this one|it|this|that)"
)
_STATEMENT_TEXTS = (
    # it is …
    rf"(?:{_IT}|{_PICTURE})\s?(?:\s(?:is|gets|deserves|receives|scores|earns|merits|rates|appears|seems|looks"
    rf"|can be|should be|would be rated"
    rf"|falls (?:in|under|into)(?: the category(?: of)?)?|belongs (?:to|in)|counts as|qualifies as)"
    rf"|['’]s)\s{{1,3}}(?:{_ADVERB},?\s{{1,3}}){{0,3}}"
    rf"{ARTICLE}(?:(?:score|rating|grade|label)\s(?:of\s)?)?",
    # I rate it …
    rf"(?:i|we)(?:\s?{_AUX}){{0,2}}\s(?:rate|score|grade|give|assign|label|classify|judge|consider|deem|find|call"
    rf"|mark|choose|pick"
    rf"|select|say|go with|answer|categori[sz]e|vote|assess|evaluate)(?:\s{_IT})?(?:\s(?:as|with|at|to be|is|for|="
    rf"|:)){{0,2}}:?\s{{1,3}}{ARTICLE}"
    r"(?:(?:(?:overall|perfect|high|low|solid|strong|full|total|final|fair)\s)?(?:score|rating|grade|label"
    r"|classification|mark)(?:\s(?:of\s|as\s)?|:\s))?(?:as\s)?",
    r"(?:a|the)\s(?:score|rating|grade)\sof\s",
    rf"the\s{_PICTURE}\sand\s(?:the|its|this)\s(?:caption|text|prompt|description)\s(?:are\s)?(?:a\s)?",
    r"i\s(?:would\s|['’]d\s)?(?:prefer|favou?r|choose|pick|select)\s(?:(?:image|picture|photo|option|candidate"
    r"|response)\s)?"
    r"|the\s(?:better|best|preferred|winning)\s(?:image|picture|photo|one|option)\sis\s(?:(?:image|picture|option)\s)?",
    r"mine(?:\sis|\s?:|\s?=)\s{0,3}",
    # other languages, without adverbs
    r"(?:das|dieses)\s(?:bild|foto)\s(?:ist|wird\sals)\s|(?:cette|l')\s?image\sest\s|(?:la|esta)\s(?:imagen|foto)\ses\s"
    r"|ich\s(?:bewerte|gebe|würde)\s(?:(?:es|ihm|das\sbild|dem\sbild|diesem\sbild|dieses\sbild)\s)?(?:mit\s|eine\s"
    r"|als\s)?|ставлю\s"
    r"|je\s(?:classe(?:rais)?|considère|juge)\s(?:cette\s|l')image\s(?:comme\s)?|je\s(?:donne(?:rais)?"
    r"|note(?:rais)?|attribue(?:rais)?)\s(?:(?:à\s)?(?:cette\s"
    r"|l')image\s)?(?:une\snote\sde\s|la\snote\s(?:de\s)?)?"
    r"|le\sdoy\s(?:un\s|una\spuntuación\sde\s)?"
    r"|a\simagem\sé\s|(?:l'|questa\s)immagine\sè\s|(?:de|deze)\safbeelding\sis\s|изображение\s(?:[—–-]\s)?"
    r"|bilden\sär\s|obraz\sjest\s",
    r"(?:我(?:会|认为|觉得|判断)?(?:给)?)?(?:这|该|此|この|이\s?)?(?:张|幅|个)?(?:图片|图像|照片|图|画面|画像|写真|이미지|사진)?(?:的)?(?:内容)?"
    r"(?:是|为|属于|判定为|打|评为|は、?|는|은)?\s?",
)
THINKS = re.compile(
    rf"(?:i|we)(?:\s?{_AUX}){{0,2}}\s(?:think|believe|say|conclude|find|judge|argue|feel"
    rf"|determine)(?:\sthat)?\s(?=it|this|that|the)"
)
IN_SHORT = re.compile(rf"(?:(?:(?:{words.IN_SHORT})(?:\b|(?=,))|{words.CJK_IN_SHORT})\s{{0,3}}[,:]?\s{{0,3}}){{1,3}}")
MARK = re.compile(
    rf"(?P<qualifiers>(?:(?:{words.STRONG}|{words.MY}|{words.ASPECTS}|is)['’]?[\s_-]{{1,2}}(?:的)?|(?:最终|最終|总体|综合"
    rf"|総合|整体|最终的|总|최종|종합)\s?的?){{0,5}})"
    rf"(?P<word>(?:{words.MARK_WORDS})(?:es|s|e)?(?![^\W\d_])(?:\s(?:{words.STRONG}))?"
    rf"|{words.ASPECT_MARKS}(?=\s?[:=]|\sis\s)|(?:{words.CJK_MARK_WORDS}){{1,2}}|{STATED})"
    rf"(?:\s(?:for|of)\s(?:this|the)\s{_PICTURE})?\s{{0,2}}(?P<range>\([^()\n]{{0,60}}\)"
    rf"|\[[^\[\]\n]{{0,60}}\])?[\s\"'”’)\]]{{0,4}}"
    r"(?P<sep>[:=→]{1,2}|->|-\s|–|—|\||\b(?:is|would be|was|ist|est|es|è|é|jest|är|er)\b:?|是|为|為|は|가|이|은|는"
    r"|\s(?=\S)|$)\s{0,3}"
)
DENIED_FACT = re.compile(
    r"\b(?:do|does|did|is|are|was|were|has|have|could|can)(?: not|n['’]t) (?!think|believe|know|agree|say|so\b)[^\W\d_]"
)
CRITERION = re.compile(r"[^\W\d_][^\n:=\d]{1,40}[:=]\s{0,3}\d")
CJK_CLAUSE = re.compile(r"[^\n]{0,300}[\u3040-\u9fff][,，、](?=[\u3040-\u9fff])")
CJK_CONDITIONAL = re.compile(r"如果|若|假如|要是|除非|只要|是否|可能|也许|不|没|もし|なら|れば|ない|면")
CONDITION = re.compile(r"\b(?:but|however|if)\b")
THEREFORE = re.compile(
    rf",?\s(?P<makes>(?:which\s|that\s)?(?:makes|making|renders|rendering)\s{_IT}\s)|[,;]\s(?:and\s)?(?:so|thus"
    rf"|therefore|hence)\s(?=it\s|this\s|the\s|i\s)"
)
CONDITIONAL = re.compile(
    r"\b(?:if|were|unless|would|whether|not|nothing|no|never|without|could|might|may|should)\b|n['’]t\b"
)
STRONG_WORD = re.compile(rf"(?<![^\W_])(?:{words.STRONG})(?![^\W_])|最终|最終|总|综合|総合|整体|최종|종합")
ASPECT_WORD = re.compile(rf"\b(?:{words.ASPECTS})\b")
OTHER_SCALE = re.compile(
    r"(?:scale|range|skala|échelle|escala|scala)(?:\s?(?:of|from|between|:|von|de|da)){0,2}\s?(\d{1,4})\s?(?:to|-"
    r"|–|and|bis|à|a)\s?(\d{1,4}(?:\.\d{1,3})?)"
    r"|(?<![\d.])(\d{1,4})\s?(?:-|–|to)\s?(\d{1,4}(?:\.\d{1,3})?)(?:[- ]point)?\s(?:scale|rating)|()(?:out of"
    r"|满分)\s?(\d{1,4})(?![\d.])"
)
NOUN = re.compile(rf"\s(?:{_PICTURE}|one|rating|score|level)\b")
"""What a label may stand before in a statement: "a bad photo"."""

STATEMENTS = tuple(re.compile(pattern) for pattern in _STATEMENT_TEXTS)
