"""Words of the common European languages that tables hold: for an event and for none, and where nobody knows."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["NEGATION", "letters", "nobody_knows", "says_event", "says_yes", "unaccented"]

NOT_KNOWN = frozenset(
    """
    pending awaited awaiting unknown unclear uncertain indeterminate inconclusive equivocal invalid borderline missing na nan
    notavailable notdone nottested notknown notperformed noresult insufficient tbd
    ausstehend stehtaus unklar unbekannt nichtbekannt nichtbestimmt nichtgetestet nichtdurchgefuhrt nichtverfugbar
    keineangabe ka keinergebnis fehlt fehlend fraglich grenzwertig ungultig inarbeit folgt
    enattente attente encours inconnu inconnue indetermine incertain douteux nonfait nonrealise nondisponible
    manquant invalide pendiente enespera encurso desconocido indeterminado dudoso incierto norealizado nodisponible
    sinresultado nosabe invalido inattesa attesa incorso incerto sconosciuto dubbio noneseguito nonnoto nondisponibile
    mancante pendente aguardando aguarda emanalise desconhecido incerteza duvidoso naorealizado semresultado inafwachting
    afwachting volgt onbekend onduidelijk nietbekend nietbepaald nietgetest nietverricht ontbreekt vantar avvaktar okand
    oklart ejutford ejtestad avventer venter ukjent uklart ikketestet afventer ukendt uafklaret oczekuje oczekujacy wtoku
    nieznany nieznane niejasny niewykonano neznamy neznamo cekase nejasny odottaa tuntematon epaselva folyamatban ismeretlen
    inasteptare necunoscut bekliyor bilinmiyor
    """.split()
)
"""Labels, by letters alone, that read as if nobody knew: whoever has one has not been shown to be without the event."""

NO = frozenset("no n nein non nao nee nej nei nie ei ne nu nem hayir oxi οχι".split())
YES = frozenset(
    """
    yes y true ja j wahr oui vrai si verdadero vero sim verdadeiro jo ano tak da igen evet kylla joo jah ναι nai
    """.split()
)
UNSURE = frozenset("ne ei nu da jo ano joo jah kylla".split())
"""Short words of yes and no that mean something else in another language or as an abbreviation, and their partners."""
FALSE = frozenset("false falsch faux falso".split())
NEGATION = NO | frozenset(
    """
    not none never without nicht kein keine keiner ohne pas sans aucun aucune sin senza nessun nessuna sem niet geen zonder
    inte ikke ingen utan uden uten bez
    """.split()
)
NONE = FALSE | frozenset(
    """
    0 alive survived survivor survives absent undetected lebt lebend uberlebt uberlebender
    vivant vivante survecu vivo viva vivi sobrevivio levend overleefd lever levande levende absente ausente assente ujemny
    ujemna zyje zije
    """.split()
)
EVENT = YES | frozenset(
    """
    1 dead died death deceased nonsurvivor present detected reactive tot tod verstorben gestorben nachgewiesen mort morte morto
    decede decedee deces fallecido fallecida muerto muerta muerte deceduto deceduta falecido obito overleden dood avliden
    dod presente detecte detectado rilevato aangetoond dodatni dodatnia zmarl zmarla zemrel
    """.split()
)
POSITIVE, NEGATIVE = re.compile(r"po[sz](it\w*)?"), re.compile(r"neg(at\w*)?")
PLAIN = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


def unaccented(text: str) -> str:
    """Return a text with plain letters for accented ones.

    Examples
    --------
    >>> unaccented("Décès"), unaccented("sì"), unaccented("død")
    ('Deces', 'si', 'dod')
    """
    parts = unicodedata.normalize("NFKD", text.translate(PLAIN))
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def letters(label: str) -> str:
    """Return a label without case, blanks and punctuation; signs that say something (``3+``, ``<50``, ``-``) stay.

    Examples
    --------
    >>> letters("Not done."), letters("<50"), letters("Rh-"), letters("NO-SHOW"), letters("?")
    ('notdone', '<50', 'rh-', 'noshow', '')
    """
    return re.sub(r"(?<=\w)-(?=\w)|[\s_.,;:?!()\[\]/'\"]+", "", label.casefold())


def nobody_knows(label: str) -> bool:
    """Return whether a label reads as if nobody knew, or holds nothing but blanks and punctuation.

    Examples
    --------
    >>> nobody_knows("Pending"), nobody_knows("en attente"), nobody_knows("?"), nobody_knows("positive")
    (True, True, True, False)
    """
    return letters(label) == "" or unaccented(letters(label)) in NOT_KNOWN


def says_yes(label: str) -> bool | None:
    """Return whether a label is a word for yes (True) or for no (False); None where it is neither, or more than letters.

    Examples
    --------
    >>> says_yes("Ja"), says_yes("sí"), says_yes("Non"), says_yes("faux"), says_yes("dead"), says_yes("ohne")
    (True, True, False, False, None, None)
    >>> says_yes("nein?"), says_yes("n.e."), says_yes("NE")
    (None, None, None)
    """
    word = unaccented(label.strip().casefold())
    if word in UNSURE or not word.isalpha():
        return None
    return True if word in YES else False if word in NO | FALSE else None


def says_event(label: str) -> bool | None:
    """Return whether a label's words name the event of an outcome (True) or its absence (False); None where they tell neither.

    A negation turns what follows: ``not detected`` is none, ``nicht überlebt`` is the event.

    Examples
    --------
    >>> says_event("Ja"), says_event("sì"), says_event("PCR negativ"), says_event("non survivor"), says_event("ward 1")
    (True, True, False, True, None)
    """
    if label.strip() in ("+", "-"):
        return label.strip() == "+"
    words = re.findall(r"[^\W_]+", unaccented(label.casefold()))
    if len(words) > 1:  # the number of a type or a ward is no yes
        words = [word for word in words if not word.isdigit()]
    others = [word for word in words if word not in NEGATION]
    if any(NEGATIVE.fullmatch(word) for word in others):
        return False
    if any(word in NONE for word in others):
        found: bool | None = False
    elif any(word in EVENT or POSITIVE.fullmatch(word) for word in others):
        found = True
    else:
        found = None
    return found if len(others) == len(words) else found is False
