"""Words that say nothing of a domain (English, German, French, Spanish): what a turn has besides them is its own."""

from __future__ import annotations

import re
import unicodedata


def listed(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# Articles, pronouns, prepositions, conjunctions, auxiliaries, question words.
_GRAMMAR = listed("""
    a an the my your his her its our their me you him us them i we he she they it this that these those one ones who
    whom whose what which when where why how and or but so then than as if because though also too either neither nor
    not no yes in on at by for from of off to into onto with without about over under up down out again after before
    between during until till per via through am is are was were be been being do does did done doing has have had
    having will would shall should can could may might must let lets gonna wanna just only even still yet already very
    really quite rather some any all both each every few many much more most less least other others another such same
    own there here now s t d ll m re ve don didn doesn isn aren wasn won cant dont im ive thats whats youre der die
    das den dem des ein eine einen einem einer eines ich du er sie es wir ihr mich dich ihn uns euch mir dir ihm ihnen
    mein meine meinen dein deine sein seine ihre unser dies diese dieser dieses diesen jene und oder aber dann denn
    als wenn weil ob auch nicht kein keine keinen zu zum zur von vom mit ohne bei aus nach vor uber unter auf fur um
    durch gegen bis seit bin bist ist sind seid war waren habe hast hat haben hatte wird werden wurde kann kannst
    konnen konntest soll sollte muss mussen darf mag mochte willst wer wen wem welche welcher welches wann wo wohin
    woher warum wieso weshalb wie man sich nur noch schon sehr ganz mal doch ja nein da dort hier jetzt etwas alles
    alle beide le la les l un une de je j tu il elle nous vous ils elles moi toi lui leur leurs mon ma mes ton ta tes
    son sa ses notre votre ce cet cette ces c cela ca ci y en et ou mais donc ni car si que qu qui quoi ne n pas plus
    moins aussi au aux dans sur sous avec sans pour par chez vers entre suis est sommes etes sont etait ete etre ai
    avons avez ont avait avoir peux peut pouvez pourrais dois doit faut quel quelle quels quelles quand comment
    pourquoi combien tres trop bien deja encore juste tout tous toute toutes autre autres meme memes el los las lo una
    unos unas yo ella ello nosotros ellos ellas mi mis tus su sus nuestro te se nos este esta esto estos estas ese esa
    eso esos esas aquel aquella aquello e o u pero pues entonces quien quienes cual cuales cuando donde como cuanto
    cuanta cuantos cuantas porque por para con sin sobre desde hasta hacia del al soy eres somos era fue ser estoy
    estamos estan estar ha hemos han haber hay puedo puede puedes podrias debo debe muy mas menos tambien solo ya aun
    todo todos toda todas otro otra otros otras mismo misma
""")
# What people say of an answer, whatever it is about: agreement, refusal, "go on", "again", "shorter".
_TALK = listed("""
    yeah yep yup yea yah nope nah ok okay k kay sure certainly absolutely definitely exactly right correct agreed fine
    good great perfect nice cool awesome alright please thanks thank thx ty cheers hi hello hey sorry oh ah hmm hm
    well maybe perhaps probably course go going ahead get got give gave given tell say said says show make made put
    keep try work works worked happen happens happened mean means meant think thought know understand see look find
    want need like would wanted continue proceed next explain elaborate clarify rephrase reword rewrite repeat redo
    undo summarize summarise shorten expand simplify fix change detail details detailed example examples more longer
    shorter simpler simple better worse easier clearer brief briefly short long longest bit little else instead way
    thing things stuff kind sort part point points bullet step steps sentence sentences word words paragraph line
    lines answer question reply response version option options choice difference list table format time times first
    second third fourth fifth last final previous former latter above below use help assist enough one two three four
    five six seven eight nine ten half wrong true false possible sound sounds seem seems apply applies cost costs
    expensive cheap cheaper cheapest price pick choose recommend prefer suggest take takes took start stop wait ready
    everything anything something nothing anyone someone far soon later today tomorrow yesterday bitte danke gerne
    gern klar genau richtig falsch stimmt gut super prima jo jep ne nee nochmal nochmals wieder weiter weitere mach
    mache machen machst tu tun geht gehen gib gebe geben zeig zeige zeigen sag sage sagen erklar erklare erklaren
    erklarung versteh verstehe verstehen meinst meinen heisst bedeutet denkst glaubst weisst sicher beispiel beispiele
    genauer ausfuhrlich ausfuhrlicher kurz kurzer lang langer mehr weniger besser einfacher anders andere anderen
    anderer anderes erste ersten erster zweite zweiten zweiter dritte dritten dritter letzte letzten nachste nachsten
    gleiche gleichen dasselbe sache dinge teil punkt punkte schritt schritte satz satze worte frage antwort liste
    tabelle unterschied dauert lange kostet kosten teuer teurer billiger gunstiger preis viel viele wenig zeit mal
    heute morgen gestern spater fertig eins zwei drei vier funf versuch versuche vielleicht oui ouais non accord merci
    plait svp stp parfait exactement vas va aller allez fais fait faire faites donne donnez donner montre montrez
    montrer dis dit dire dites explique expliquez expliquer explication comprends comprendre compris veux veut voulez
    sais sait pense penses sur exemple exemples continuez continuer recommence resume resumer raccourcis court courte
    longue simplement mieux pire premier premiere deuxieme seconde troisieme dernier derniere suivant suivante chose
    choses partie etape etapes phrase mots mot reponse tableau temps fois prend prendre coute coutent cout cher prix
    beaucoup peu deux trois quatre cinq autrement apres avant maintenant aujourd hui demain hier essaie essayer
    peut-etre claro vale bueno buena bien gracias favor exacto correcto perfecto venga dale haz hazlo hacer haces hace
    hago da dame dar muestra muestrame mostrar di dime decir dice dices explica explicame explicar explicalo entiendo
    entender entiendes quieres quiere quiero sabe sabes se crees piensas seguro segura ejemplo ejemplos detalle
    detalles continua continuar sigue seguir repite repetir resumir resumelo corto corta larga largo sencillo mejor
    peor primero primera primer segundo segunda tercero tercera tercer ultimo ultima siguiente cosa cosas parte punto
    puntos paso pasos frase palabras palabra pregunta respuesta lista tabla diferencia tiempo vez veces tarda tardar
    cuesta cuestan costo coste caro cara barato precio mucho poco dos tres cuatro cinco despues luego antes ahora hoy
    manana ayer intenta prueba quizas tal asi
""")
SAYS_NOTHING = _GRAMMAR | _TALK

# When, how long, for whom: they do not make a turn stand alone that depends already ("do the same for Friday").
SCOPE = listed("""
    monday tuesday wednesday thursday friday saturday sunday weekend week month year day days hour hours minute
    minutes night morning evening january february march april june july august september october november december
    english spanish french german italian wife husband mother father mom dad son daughter friend friends kids children
    people person persons montag dienstag mittwoch donnerstag freitag samstag sonntag wochenende woche monat jahr tag
    tage stunde stunden personen leute frau mann mutter vater kinder lundi mardi mercredi jeudi vendredi samedi
    dimanche semaine mois annee jour jours heure heures personnes femme mari mere pere enfants lunes martes miercoles
    jueves viernes sabado domingo semana mes ano dia dias hora horas personas mujer marido madre padre hijos
""")

_WORD = re.compile(r"[^\W_]+")
# Scripts that put no space between words: two signs are about one word.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def words(text: str) -> list[str]:
    """Lower case, without accents, so that "sí", "Si" and "SI" are one word."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return _WORD.findall("".join(sign for sign in plain if not unicodedata.combining(sign)))


def word_count(text: str) -> int:
    """Words as a reader counts them, in any script."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + (unspaced + 1) // 2


def own_words(said: list[str]) -> list[str]:
    """The words that tell what a turn is about."""
    return [word for word in said if word not in SAYS_NOTHING]
