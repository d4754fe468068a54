"""The words by which replies are read, by what they do, in the languages that judges write most.

Words only: what follows from them is the grammar's business (`answer_parser`). All are casefolded and NFKC.
"""

import re

MARK_WORDS = (
    r"answer|verdict|rating|score|label|judge?ment|decision|classification|grade|assessment|conclusion|prediction"
    r"|result|output|action|winner|preference|rated|mark|status|evaluation|category|class|rank|response"
    r"|determination|moderation decision"
    r"|final|overall"
    # German, French, Spanish, Italian, Portuguese
    r"|(?:gesamt|end|schluss)?(?:bewertung|note|urteil|punktzahl)|antwort|ergebnis|wertung|einstufung"
    r"|einschätzung|beurteilung|fazit"
    r"|réponse|verdict final|évaluation|étiquette|jugement|décision"
    r"|klassifikation|kategorie|classement|catégorie|clasificación|categoría|classificazione|categoria|klasyfikacja"
    r"|классификация|sınıflandırma"
    r"|respuesta|puntuación|calificación|evaluación|veredicto|etiqueta|conclusión|puntaje"
    r"|risposta|valutazione|punteggio|voto|giudizio|verdetto|etichetta|resposta|pontuação|avaliação|classificação|nota"
    # Dutch, Swedish, Danish, Norwegian, Polish, Czech, Russian, Turkish, Indonesian, Vietnamese
    r"|antwoord|beoordeling|oordeel|cijfer|betyg|svar|bedömning|vurdering|bedømmelse|karakter"
    r"|ocena|odpowiedź|wynik|werdykt|hodnocení|odpověď|оценка|ответ|вердикт|рейтинг|балл|вывод"
    r"|cevap|puan|değerlendirme|sonuç|yanıt|jawaban|nilai|skor|penilaian|đánh giá|điểm|النتيجة|التقييم|الإجابة"
    r"|الجواب|الحكم|التصنيف|câu trả lời|kết luận"
)
CJK_MARK_WORDS = (
    r"答案|(?:检测|检查|鉴定|审核|评估)结果|总分|总评分|评分|评级|得分|分数|打分|评价|结论|判断|判定|标签|结果|分类|回答|評分|評級|得分|評価|評点|スコア|点数|回答|答え|答|判定|結論|ラベル"
    r"|点数|결과|점수|판단|평가|평점|답변|정답|답|판정|결론|라벨|등급"
)
STRONG = (
    r"final|overall|corrected|revised|updated|actual|ultimate|total|global|finale|endgültige[rs]?|gesamt\w{0,3}"
    r"|abschließende[rs]?|définitive?|globale?|finala?|definitiva|definitivo|definitief|eind|slutgiltig\w?|samlet"
    r"|końcowa|ostateczna|итоговая|итоговый|окончательн\w{2}|общая|최종|종합|最终|最終|总体|總體|综合|総合|整体|总"
)
MY = (
    r"my|the|this|our|so|correct|predicted|model|image|picture|photo|numeric(?:al)?|single|assigned|given|chosen|short"
    r"|meine?|die|das|der|ma|mi|la|le|el|il|mia|minha|mijn|min|moja|моя|мой|我的|私の|내|나의"
)
ASPECT_MARKS = (
    r"(?:image |content |overall |picture )?(?:safety|quality|kwaliteit|qualität|qualité|calidad|qualità|qualidade"
    r"|jakość|качество|alignment|consistency|naturalness|realism|aesthetics|relevance)"
)
ASPECTS = (
    r"safety|quality|aesthetics?|alignment|match(?:ing)?|consistency|faithfulness|naturalness|realism|relevance"
    r"|composition|lighting|sharpness|colou?r|content|text|caption|prompt|semantic|perceptual|visual|technical"
    r"|rationality|harm|risk|preference|similarity|fidelity|coherence|correctness|accuracy"
)
PICTURE = (
    r"image|picture|photo(?:graph)?|drawing|painting|illustration|render(?:ing)?|figure|scene|screenshot|artwork"
    r"|content|caption|sample|example|pair|meme|cartoon|graphic|post|advert(?:isement)?|text-image pair"
    r"|image-text pair|visual"
)
IN_SHORT = (
    r"so|thus|therefore|hence|accordingly|consequently|overall|finally|altogether|in (?:conclusion|summary|short"
    r"|sum|total)"
    r"|to (?:conclude|sum up)|all in all|as a result|for (?:this|these|that|the above) reasons?|in my (?:opinion"
    r"|view|judgment)"
    r"|(?:based on|given|considering|after|from|looking at|judging by|due to|because of) (?:[^,\n]{1,120}(?=,)"
    r"|[^\n]{1,120}?(?=, (?:the|i|my|this|it|we)\b))"
    r"|i(?:'ve| have) (?:looked|examined|reviewed)[^,\n]{0,80}(?=,)|conclusion|ok(?:ay)?|sure|well|and"
    r"|on a scale (?:of|from) [-−]?\d{1,3}(?:\.\d{1,3})? (?:to|-|–) \d{1,3}(?:\.\d{1,3})?"
    r"|also|daher|deshalb|somit|insgesamt|donc|ainsi|por lo tanto|en conclusión|quindi|dunque|portanto|dus"
    r"|таким образом"
)
CJK_IN_SHORT = (
    r"我认为|我觉得|因此|所以|综上(?:所述)?|总之|总的来说|(?:综合|总体|整体)来看"
    r"|这张图片的|该图片的|この画像の|したがって|よって|따라서|그러므로"
)
REASON = (
    r"to me|under (?:the|this|that|your|our|these|those)|because|since|as|due to|given|based on|considering|with"
    r"|owing to|on account of|by virtue of|thanks to"
    r"|in my opinion"
    r"|in my view|overall|weil|da|aufgrund|denn|car|parce que?|puisque|en raison|porque|ya que|debido a|perché|poiché"
    r"|pois|omdat|want|eftersom|fordi|ponieważ|bo|потому|так как|поскольку|çünkü|karena|vì"
    r"|因为|因為|由于|なぜなら|왜냐하면"
    r"|for (?:this|the|that) (?:image|picture|photo|one|caption|pair)|on (?:a|the|this) [^.\n]{0,25}scale"
    r"|on a scale|for (?:its|their|having|being|(?:all|every|general|young)(?: \w+)?)"
    r"|\(|and (?:it|the|this|there|shows?|contains?|depicts?)\b"
)
REVERSAL = re.compile(
    r"\b(?:but|however|yet|although|though|unless|except|excluding|if|only (?:if|when|for|because|in|to|with)|were"
    r"|wouldn['’]?t|would|otherwise|provided (?:that|it|the|there|no)"
    r"|assuming|as long as|so long as|as far as|until|whether|when|once|depend\w{0,4}|apart from|aside from"
    r"|barring|save for"
    r"|despite|in theory|supposedly|allegedly|so[- ]called|or so|claims?|pretend\w{0,4}|ironically|hypothetically|not"
    r"|nonetheless|nevertheless|at first|initially|first glance|almost|nearly|far from|just kidding"
    r"|aber|jedoch|wenn|falls|sofern|allerdings|außer|nicht|keine?\w{0,2}|mais|sauf|cependant|pourtant|pas|sinon"
    r"|pero|sino|excepto|salvo|sin embargo|aunque|però|tranne|tuttavia|mas|porém|exceto|maar|tenzij|behalve|niet"
    r"|men|inte|ikke|hvis|om|ale|jeśli|chyba|nie|но|однако|если|кроме|не|ama|fakat|eğer|değil|tapi|jika|bukan"
    r"|nhưng|nếu)\b"
    r"|n['’]t\b|但|如果|只要|除非|假如|不过|不過|然而|却|并非|不是|没有|ない|ません|なければ|ただし|しかし|もし|하지만|그러나|만약|않|아니"
)
TAKEN_BACK = re.compile(
    r"\b(?:wait|actually|correction|on second thoughts?|(?:scratch|scrap|strike|ignore|disregard|forget) (?:that"
    r"|it|my)|i mis(?:read|judged|took|understood)|just kidding|never ?mind|i was wrong"
    r"|i made a mistake|my mistake|let me re\w{2,12}|i take (?:it|that) back|not really|on reflection|hmm+|oops|sorry"
    r"|reconsider\w{0,3}|or is (?:it|this|that)|or not|on closer (?:look|inspection)|moment mal|doch nicht|en fait"
    r"|en realidad|in realtà|на самом деле)\b"
    r"|^\W{0,3}(?:no|not|nope|false|nein|non|нет)\b(?=\s{0,3}[.!,;]|\s{0,3}$)|等等|其实|実は|잠깐"
)
HYPOTHETICAL = re.compile(r"\b(?:would|were|had it|could have|might have|wäre|würde|serait|sería|sarebbe)\b")
REVERSAL_OF_NUMBERS = re.compile(
    r"\b(?:if|unless|were|would|wouldn['’]?t|otherwise|provided (?:that|it|the|there|no)|assuming|as long as"
    r"|depend\w{0,4}|or so|at first"
    r"|initially"
    r"|wenn|falls|sinon|si|se|если|jeśli|eğer|(?:but|however|though|although|aber|mais|pero|ma"
    r"|но)\b[^\n]{0,300}\d)\b|如果|但[^\n]{0,100}\d"
)
GRADED = re.compile(
    r"(?:negative|positive|n|n/a|na|incorrect|correct|low|medium|moderate|high|impossible|fail(?:ed)?|pass(?:ed)?"
    r"|absent|present"
    r"|zero|nil|minimal|unknown|unclear|possibl[ey]|maybe|perhaps|partial(?:ly)?|somewhat|questionable"
    r"|undetermined|mixed"
    r"|x|✗|✘|❌|✓|✔|✅|(?:absolutely|definitely|certainly|probably|of course) not|my (?:foot|eye|ass))\b"
)
NEGATION = re.compile(
    r"(?:\b(?:not|never|no|nothing|none|nobody|neither|nor|without|cannot|hardly|barely|scarcely|rather than"
    r"|instead of|than"
    r"|far from|anything but|free of|free from|lacks?|isn|doesn|don|nicht|kein\w{0,2}|keineswegs|nie|ohne|pas|sans"
    r"|jamais"
    r"|non|senza|mai|sin|nunca|não|sem|niet|geen|zonder|inte|ikke|ingen|utan|uden|bez|не|нет|без|tidak|bukan"
    r"|không)\b"
    r"|n['’]t\b|不|没|沒|未|非|无|無|별로|안)(?:\s{1,3}[^\s,;:.!?–—()]{1,20}){0,4}\s{0,3}$"
)
NEGATED_AFTER = re.compile(
    r"\s{0,2}(?:ではない|ではありません|じゃない|でない|とは言え"
    r"|하지 않|지 않|이 아니|가 아니|değil|is not|isn['’]t|的可能性)"
)
REFUSAL = re.compile(
    r"\b(?:i|we)(?:['’]m| am|['’]re| are)? ?(?:can ?not|can['’]?t|could(?: not|n['’]t)|won['’]?t|will not|unable to"
    r"|not able to|not allowed to|not permitted to|not comfortable|must decline|(?:have to|need to) decline"
    r"|do(?: not|n['’]t)"
    r" (?:feel comfortable|have (?:the )?(?:ability|access|enough))|decline|refuse)\s(?:\w{1,12}\s){0,3}"
    r"(?:help|assist|rate|judge|evaluate|provide|comply|identify|analy[sz]e|view|see (?:the|this|any) (?:image"
    r"|picture|photo)"
    r"|process|determine|answer|classify|assess|comment|fulfil|engage|describe|tell|say|access|discuss|continue"
    r"|decide|score"
    r"|label|offer|support)\b"
    r"|\b(?:i|we)(?:['’]m| am| are) (?:really |very |so )?sorry\b|^\W{0,3}sorry\b|\bas an ai\b|\bi must decline\b"
    r"|\b(?:unable to|can ?not|impossible to|hard to|difficult to|can['’]t) (?:be )?(?:determine|tell|say|judge"
    r"|assess|decide"
    r"|rate|evaluate|classify|assessed|determined|judged|rated)\w{0,2}\b|\bi(?:['’]m| am) (?:not sure|unsure"
    r"|uncertain|undecided)"
    r"|\bno (?:image|picture|photo)(?: \w{1,10})? (?:was|is|has been|provided|attached|found|visible)"
    r"|\b(?:es tut mir leid|ich kann (?:das|dieses|dabei|ihnen|nicht|leider)|lo siento|no puedo|je suis désolée?"
    r"|désolée?"
    r"|je ne peux pas|mi dispiace|non posso|desculpe|não posso|het spijt me|ik kan (?:niet|dit|je)|tyvärr|desværre"
    r"|przykro mi"
    r"|nie mogę|извините|простите|к сожалению|я не могу|üzgünüm|maaf|xin lỗi|tôi không thể)\b"
    r"|对不起|抱歉|很遗憾|无法|無法|我不能|申し訳|ごめんなさい|すみません|できません|できかねます|죄송|할 수 없"
)
EXAMPLE = re.compile(
    r"\b(?:examples?|e\.g|for instance|(?:the|this|following|required|expected) format|template|such as|like this"
    r"|says?|reads?|sign|sticker|poster|screen|shows?"
    r"|expected|would be|not|never)\b|n['’]t\b"
)
OFFER = re.compile(
    r"\b(?:gerne?|let me|(?:i['’]?d|i would) be|happy to|here(?:['’]s| is| are)|i(?:['’]ll| will| can)|of course"
    r"|voici|aquí)\b"
)
QUOTED_BY = re.compile(
    r"\b(?:says?|saying|said|reads?|reading|sign|text|words?|written|writes?|wrote|caption(?:ed)?|title[ds]?|labell?ed"
    r"|inscription|slogan|poster|sticker|banner|note|board|states?|claims?|quote[ds]?|quoting|printed|painted|engraved"
    r"|e\.g|example|instance|such as|like|format|template|option|ocr|transcri\w{1,8}|watermark|logo|message|screen"
    r"|bubble"
    r"|steht|schild|schrift|aufschrift|lautet|panneau|texte|écrit|letrero|texto|dice|cartel|scritta|cartello"
    r"|надпись|написано)\b"
    r"|写着|寫著|文字|书写|標語|标语|書かれ|と書|쓰여|적혀"
)
