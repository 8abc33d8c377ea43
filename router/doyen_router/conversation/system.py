"""What a system prompt says of a domain, for a talk that does not say it itself.

A system prompt never routes on its own: one prompt is sent with every request of an application, so that it would route
all of them alike. What is left of it without its boilerplate is lent to a first turn that cannot stand alone.
"""

from __future__ import annotations

import re

from doyen_router.conversation.harness import human_text
from doyen_router.conversation.words import listed, own_words, words

MOST_SENTENCES = 2
KEPT_CHARS = 300

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
# Who the assistant is, up to what it is there for.
_ROLE = re.compile(
    r"""^\W*(?:you\ are|you're|you\ act\ as|act\ as|your\ (?:role|job|task)\ is(?:\ to(?:\ be)?)?|du\ bist
    |sie\ sind|tu\ es|vous\ êtes|eres|usted\ es)\b(?:\s+(?:chatgpt|gpt[\w.-]*|claude|gemini|llama|copilot|codex))?[\s,]*
    (?:(?:an?|the|my|our|ein(?:e|en)?|une?|une?|el|la)\s+)?
    (?:(?:very|highly|helpful|friendly|polite|honest|harmless|useful|concise|knowledgeable|capable|smart|intelligent|expert
      |powerful|professional|hilfreicher?|freundlicher?|hilfreiche|utile|útil|ai|ki|ia|language|virtual|digital|personal
      |large|and)[\s,]+){0,8}
    (?:(?:assistant|assistent(?:in)?|asistente|chatbot|bot|model|agent|helper|ai)\b[\s,]*)?
    (?:(?:made|trained|developed|built|created)\s+by\s+\w+[\s,.]*)?
    (?:(?:for|who|that|which|specialised|specialized|helping|helps|with|in|of|für|pour|para|at)\b\s*)*""",
    re.IGNORECASE | re.VERBOSE,
)
# Sentences about how to answer: nothing of what is asked about.
_MANNER = re.compile(
    r"""^\W*(?:always|never|do\ not|don't|please|be|answer|respond|reply|use|avoid|if|when|keep|follow|remember|note
    |important|make\ sure|ensure|today|the\ current\ date|current\ date|knowledge\ cutoff|think|write|provide|format
    |output|return|only|you\ (?:must|should|will|can|may|have|do)|your\ (?:answers?|responses?|replies|output|goal|name)
    |antworte|sei|immer|nie|réponds|sois|toujours|jamais|responde|sé|nunca|siempre)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_NO_DOMAIN = listed("""
    assistant assistent assistente asistente ai chatbot bot helpful hilfreicher utile util user users agent language
    model chatgpt gpt claude openai anthropic tool tools instructions prompt help helps task tasks question
    questions
""")


def domain_text(system: str) -> str:
    """Empty when the prompt says nothing but manners: "You are a helpful assistant. Be brief."."""
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(human_text(system)[: KEPT_CHARS * 10]):
        if _MANNER.match(sentence):
            continue
        said = _ROLE.sub("", sentence.strip(), count=1).strip(" .,:;-#*")
        if any(word not in _NO_DOMAIN for word in own_words(words(said))):
            kept.append(said)
        if len(kept) == MOST_SENTENCES:
            break
    return ". ".join(kept)[:KEPT_CHARS]
