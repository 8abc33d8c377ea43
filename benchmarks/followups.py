"""Turns that cannot stand alone, written for `benchmarks.conversations`, in English, German, French and Spanish.

The rule was fitted to DEVELOPMENT only. HELD_OUT was written before the rule, and its failures were not repaired.
"""

from __future__ import annotations

DEVELOPMENT = {
    "en": (
        *("yes", "yes please", "ok do it", "sure, go ahead", "no, the other one", "why?", "why is that?"),
        *(
            "and the second one?",
            "what about Berlin?",
            "how about tomorrow?",
            "make it shorter",
            "can you explain that?",
        ),
        *("tell me more", "continue", "go on", "in Spanish please", "how long does it take?", "is that safe?"),
        *(
            "what do you mean?",
            "are you sure?",
            "give me an example",
            "and if I don't?",
            "try again",
            "that didn't work",
        ),
        *("which one is cheaper?", "do the same for Friday", "what else?", "thanks, and for two people?", "how so?"),
        *("can you do that for me?", "list them", "what does it cost?", "only the first three", "put it in a table"),
    ),
    "de": (
        *("ja", "ja bitte", "und das zweite?", "warum?", "was ist mit Berlin?", "mach es kürzer", "erklär das genauer"),
        *(
            "weiter",
            "und morgen?",
            "bist du sicher?",
            "ein Beispiel bitte",
            "wie lange dauert das?",
            "nein, das andere",
        ),
    ),
    "fr": (
        *("oui", "oui s'il te plaît", "et le deuxième ?", "pourquoi ?", "et pour Berlin ?", "plus court", "continue"),
        *(
            "explique-moi ça",
            "tu es sûr ?",
            "un exemple ?",
            "combien de temps ça prend ?",
            "non, l'autre",
            "et demain ?",
        ),
    ),
    "es": (
        *("sí", "sí, por favor", "¿y el segundo?", "¿por qué?", "¿y en Berlín?", "hazlo más corto", "continúa"),
        *("explícame eso", "¿estás seguro?", "dame un ejemplo", "¿cuánto tarda eso?", "no, el otro", "¿y mañana?"),
    ),
}

HELD_OUT = {
    "en": (
        *("yep", "yeah that works", "please do", "sounds good", "nope", "not that one", "how come?", "and then what?"),
        *("what about the third?", "and in Paris?", "a bit longer please", "could you rephrase that?", "say more"),
        *("keep going", "now do it for my wife", "is it expensive?", "does that apply to me too?", "can I undo that?"),
        *(
            "what's the difference?",
            "where do I find it?",
            "who told you that?",
            "when will it be done?",
            "one more time",
        ),
        *(
            "as bullet points",
            "are there any others?",
            "which would you pick?",
            "what if it fails?",
            "same thing for June",
        ),
        *("ok but why", "the first one please", "will they call me?", "I don't understand", "in simpler words", "both"),
    ),
    "de": (
        *(
            "jo, mach das",
            "gerne",
            "nein danke",
            "und die dritte?",
            "wieso?",
            "wie sieht es mit Hamburg aus?",
            "nochmal",
        ),
        *("das verstehe ich nicht", "etwas ausführlicher", "geht das auch am Samstag?", "was kostet das?", "und dann?"),
    ),
    "fr": (
        *("d'accord", "vas-y", "non merci", "et le troisième ?", "comment ça ?", "et à Lyon ?", "encore une fois"),
        *(
            "je ne comprends pas",
            "plus de détails",
            "ça coûte combien ?",
            "et après ?",
            "fais la même chose pour samedi",
        ),
    ),
    "es": (
        *("vale", "claro, hazlo", "no, gracias", "¿y el tercero?", "¿cómo así?", "¿qué tal en Madrid?", "otra vez"),
        *("no lo entiendo", "más detalles", "¿cuánto cuesta?", "¿y después?", "haz lo mismo para el sábado"),
    ),
}

# Turns that stand alone although they are short, begin with a connective, or hold a pronoun.
STANDS_ALONE = {
    "en": (
        *("what's the capital of France", "tell me a joke", "play some jazz", "is it going to rain in Oslo tomorrow"),
        *("and now something different: how do vaccines work?", "new topic, what is a mortgage?", "who are you?"),
        *(
            "reset my router password",
            "how do I make it through airport security with a laptop?",
            "convert 5 miles to km",
        ),
    ),
    "de": (
        *("wie hoch ist die Miete in München?", "was anderes: wie koche ich Reis?", "spiel etwas Musik von Bach"),
        *("wann fährt der nächste Zug nach Köln?", "wer hat das Telefon erfunden?"),
    ),
    "fr": (
        *("quel temps fait-il à Marseille ?", "autre sujet : comment cuire du riz ?", "qui a inventé le téléphone ?"),
        *("réserve une table pour deux ce soir", "combien coûte un billet pour Rome ?"),
    ),
    "es": (
        *("¿qué tiempo hace en Sevilla?", "otro tema: ¿cómo se cocina el arroz?", "¿quién inventó el teléfono?"),
        *("reserva una mesa para dos esta noche", "¿cuánto cuesta un billete a Roma?"),
    ),
}

# An assistant that does not say what the talk is about; "" is a user who sends two turns in a row.
ASSISTANT = (
    "",
    "Sure, I can help with that. Would you like me to go on?",
    "Here is what I found. There are two options, and the second one is usually the better choice for most people.",
    "Let me check. I need a little more from you before I can answer: shall I use what we have so far?",
)

# What harnesses put round the user's own words.
HARNESS = (
    "<system-reminder>\nThe task list is empty. Do not mention this.\n</system-reminder>\n{ask}",
    "<environment_context>\n  <cwd>/home/dev/shop</cwd>\n  <shell>zsh</shell>\n</environment_context>\n\n{ask}",
    "<task>\n{ask}\n</task>\n<environment_details>\n# Open tabs\nsrc/app.ts, src/cart.ts\n</environment_details>",
    "<user_query>\n{ask}\n</user_query>\n<open_files>\nsrc/billing/invoice.py\n</open_files>",
    '{ask}\n\n{{"type": "tool_result", "tool_use_id": "call_7", "content": "total 12 drwxr-xr-x src node_modules"}}',
    "[Request interrupted by user]\n{ask}",
)

# Long pasted matter, of no domain that the sets have.
PASTED = (
    "The committee met on the first Monday of the month and approved the minutes of the meeting before. Two members "
    "had sent their apologies. The chair thanked the volunteers for their work on the hall's roof and reported that "
    "the fence would be painted in spring. A letter from the neighbours was read out and put on file. "
)
