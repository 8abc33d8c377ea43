"""Signs that a turn depends on others, or does not: English, German, French, Spanish; spelled as `words` gives them."""

from __future__ import annotations

import re

from doyen_router.conversation.words import listed

# One at the very beginning. "+" joins words.
GOING_ON = listed("""
    and or but also plus what+about how+about then instead otherwise und oder aber auch sonst dann was+ist+mit
    wie+sieht wie+war wie+ware et ou mais aussi sinon puis alors y o pero tambien sino entonces que+tal que+hay
    que+pasa
""")
# Prepositions: "in Paris?", "ohne Zucker". Believed of a short turn, which is nothing else.
SCOPING = listed("""
    in on at by for from with without to until per before after like as only even im am bei fur mit ohne nach von bis
    ab seit nur en dans pour avec sans chez vers depuis jusqu a au con sin para por desde hasta solo
""")
# They stand for something that was said before.
POINTING = listed("""
    it its this that these those they them their he she him her his das dies diese dieser dieses diesen jene es ihn
    ihm ihnen davon dazu damit dafur daran darauf daruber dabei ca cela ce cet cette ces celui celle ceux celles lui
    leur eso esto esa ese esos esas este esta aquello lo
""")
# They count something that may as well be named in the turn itself: "a second card".
COUNTING = listed("""
    one ones another other others same former latter above previous first second third last there such both neither
    either dort andere anderen anderer erste ersten zweite zweiten dritte dritten letzte letzten gleiche gleichen
    dasselbe autre meme premier premiere deuxieme troisieme dernier derniere otro otra mismo misma primero primera
    segundo segunda tercero ultimo
""")
# A turn that begins so asks for something, and answers nothing.
REQUESTING = listed("""
    what when where which who whom whose why how is are was were do does did can could will would should may shall
    tell show give find get make set play add remove delete send call book order cancel check change turn open close
    start stop create write read list name define translate convert calculate schedule remind pay transfer report
    track help let flip roll spell say text share buy reserve look search update reset i we my wann wo welche welcher
    wer wie warum wieso kann konnen ist sind zeig sag gib mach spiel such buche stell schreib ich mein meine quel
    quelle quand ou qui comment pourquoi combien est peux montre dis donne joue cherche mets ecris je mon ma que cual
    cuando donde quien como cuanto es puedes muestra dime pon busca reserva escribe mi
""")
# Before the turn proper: "ok, and ..."
NODS = listed("""
    ok okay yes yeah no thanks please great sure fine good nice ja nein danke bitte gut oui non merci bon si vale
    gracias bueno
""")
# Said of what was offered. Only for a turn that says nothing else.
YES = re.compile(
    r"^(?:yes|yeah|yep|yup|ok|okay|sure|alright|certainly|absolutely|definitely|please|go ahead|do (?:it|that|so)"
    r"|sounds good|that works|ja|jo|gern|gerne|klar|bitte|mach|oui|ouais|d accord|vas y|si|vale|claro|dale|hazlo"
    r"|adelante)\b"
)
NEW_TOPIC = re.compile(
    r"""^\W*
    (?:(?:ok|okay|so|and|now|thanks|thank\ you|great|well|hey|danke|jetzt|und|nun|merci|maintenant|et|bon|gracias
      |ahora|y|bueno)\b[\s,.!:;-]*){0,4}
    (?:
      (?:(?:on\ )?to\ |for\ |let'?s\ talk\ about\ )?(?:some|any)thing\ (?:else|(?:completely\ |entirely\ )?different)
      |(?:an?\ )?(?:new|different|another|unrelated|separate)\ (?:topic|subject|question|task|request|thing|matter)
      |(?:chang|switch)(?:e|ing)?\ (?:of\ |the\ )?(?:topics?|subjects?)
      |on\ an?(?:other)?\ (?:different\ )?(?:note|topic|subject)|unrelated(?:ly)?|by\ the\ way|btw|moving\ on
      |forget\ (?:that|it|about\ (?:that|it))|never\ ?mind(?:\ that)?|next\ (?:topic|question)
      |(?:et)?was\ (?:ganz\ )?ander(?:e)?s|(?:eine?\ )?(?:neue[sr]?|andere[sr]?)\ (?:thema|frage)|themawechsel
      |übrigens|vergiss\ (?:das|es)
      |(?:une?\ )?(?:autre|nouveau|nouvelle)\ (?:sujet|question|chose)
      |changeons\ de\ sujet|au\ fait|rien\ à\ voir|oublie\ (?:ça|cela)
      |otr[oa]\ (?:tema|pregunta|cosa)|(?:una?\ )?nuev[oa]\ (?:tema|pregunta)|cambiando\ de\ tema|por\ cierto
      |olvida\ eso
    )\b(?:\ entirely|\ completely|\ now|\ please|\ then)?[\s,.!?:;–—-]*""",
    re.IGNORECASE | re.VERBOSE,
)
# "it" that stands for nothing: the weather, the hour.
EMPTY_IT = re.compile(
    r"""\bwhat(?:'?s)?\s+(?:time|day|date)\s+is\s+(?:it|this)\b|\bwhat(?:'?s|\s+is)\s+the\s+(?:time|date|day)\b
    |\b(?:is|was|will)\s+it\s+(?:be\s+|going\s+to\s+(?:be\s+)?)?
      (?:rain|snow|cold|hot|warm|sunny|wind|cloud|humid|freez|storm)\w*
    |\bwie\s+spät\s+ist\s+es\b|\bquelle\s+heure\s+est\b|\bqué\s+hora\s+es\b""",
    re.IGNORECASE | re.VERBOSE,
)
# About the assistant, which is a topic of its own and not the talk's.
ABOUT_YOU = re.compile(
    r"""^\W*(?:(?:who|what|where|how\s+old|how)\s+(?:are|were)\s+you(?:\s+from|\s+doing|\s+called)?
    |what\s+can\s+you\s+do|wer\s+bist\s+du|wie\s+alt\s+bist\s+du|qui\s+es[\s-]tu|quién\s+eres)\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
