"""Tells by a column's name whether it may be an outcome, a test result, a person's name, a blood test or a treatment."""

from __future__ import annotations

import re

from blues.cohort.words import unaccented

__all__ = ["smell_of", "words_of"]

DAYS = r"days?|d|hours?|h|tage?n?|stunden|jours|dias|giorni|dagen|dage|dagar|time|zeit|dauer|duree|duracion|durata|duur|stay"
STAYED = r"kh|hosp(ital)?|krankenhaus|klinik|clinic|hopital|ospedale|ziekenhuis|o2|oxygen|sauerstoff|masks?|cpap|vent"
ON = r"in|on|at|of|im|am|mit|an|with|de|del|di|da|en|op|sous|sotto|con"
TREATED = (
    r"therap\w*|treat\w*|drug|(oxygen|oxigen|ossigen|sauerstoff|zuurstof|antibio)\w*th?erap\w*|"
    r"terapi(a|as|e)|traitements?|trat+ami?ent\w*|behand\w*"
)
BEFORE = re.compile(
    r"(?<!\w)(home|(zu ?)?hause|domicil\w*|habitu[ae]l\w*|abitual[ei]|usual|anti\w*(pertens|diabet)\w*|vor (der )?aufnahme|"
    r"(before|prior to|pre) admission)(?!\w)"
)
"""A treatment that the name puts before the stay, or of a chronic disease."""
PAST = re.compile(
    r"(?<!\w)(history|hx|anamnes\w*|previous|prior|past|vorgeschichte|vorbekannt\w*|antecedent\w*|known|bekannt\w*)(?!\w)"
)
COMPLICATIONS = (
    r"t(h)?rombos\w*|t(h)?romboembol\w*|(pulmonary |lungen)?embol\w*|aki|"
    r"(acute )?(kidney|renal) (injury|failure)|nierenversagen"
)
"""Outcomes of a stay, and findings at admission where the name says that they are past."""
UTI = (
    r"^uti$|(dias?|tempo|horas|days?|hours?|stay|admissao|admitid[oa]|entrada|saida|leito|necessidade|ida|time to)"
    r"( (de|da|na|em|para|a|in|on|the))* uti|uti (dias?|tempo|horas|days?|hours?|stay)"
)
"""Portuguese for intensive care, in English an infection of the urinary tract."""

# checked in this order; a word is a run of letters, so that "los" is not found in "closed"
SMELLS = (
    ("person", r"name|naam|birth|dob|geboorte|initials|e?mail|address|adres|phone|bsn|ssn|mrn|insurance"),
    (
        "person",
        r"\w*geburt\w*|naissance|nacimiento|nascita|vorname|nachname|nom|prenom|cognome|apellidos?|achternaam|voornaam|"
        r"nombre(?! d(e|es)? (?!pacient))",
    ),
    ("files", r"(n|num|number|count)( of)? (\w+ )?(videos?|clips?|files?|images?|frames?)"),
    (
        "files",
        r"(n|nr|num|anzahl|zahl|numero|nombre (de|des)|aantal)( (der|de|di|dei|delle|des|do|dos|van))? "
        r"(videos?|clips?|bilder|dateien|filme|images?|fichiers?|filmat[oi]|immagini|archivos?|imagenes|arquivos?|imagens|"
        r"bestanden|beelden|filmpjes)",
    ),
    ("outcome", r"outcome|death|dead|died|mort\w*|surviv\w*|deceased|discharged?|alive|readmi\w*|follow|event"),
    (
        "outcome",
        r"los|length of stay|stay|icu|mcu|transfer(?!rin)\w*|intub\w*|ventilat\w*|ecmo|duration|status",
    ),
    (
        "outcome",
        r"verst[oa]rb\w*|gestorben|tod(esfall)?|\w*uberleb\w*|\w*intensiv\w*|its|entlass\w*|verlegt|verlegung|beatm\w*|deces|"
        r"decede\w*|reanimation|fallec\w*|muert\w*|uci|decess\w*|decedut\w*|rianimazione|dimission\w*|overl\w*|obito|liegedauer",
    ),
    (
        "outcome",
        r"exitus|letal\w*|lethal\w*|fatal\w*|\w*mortal\w*|\w*outcome\w*|\w*end ?(point|punkt)\w*|tod(es)?|todes\w*|sterbe\w*|"
        r"\w*verweil\w*|aufenthalt\w*|\w*aufenthalts\w*|recover\w*|genes(en|ung)\w*|geheilt|heilung|cured?|healed|gueri\w*|"
        r"curad[oa]|guarit[oi]|guarigione|(re ?)?hospitali[sz]\w*|organ ?(failure|versagen)|multiorgan\w*|palliativ\w*|dnr",
    ),
    (
        "outcome",
        r"(normal|wach)?station|wards?|imc|sdu|rea|niv|nippv|imv|hfnc|hfno|high ?flow|\w*dialys\w*|crrt|rrt|\w*tracheo\w*|"
        r"vasopress\w*|[ck]ate[ck]holamin\w*|noradrenalin\w*|remdesivir|dexameth?a[sz]on\w*|tocilizumab|[ck]ompli[ck]a[tz]\w*|"
        r"worst|nadir|peak|max(imum)?|who (\w+ )?(scale|score|skala|grad\w*)|ordinal (scale|score)",
    ),
    (
        "outcome",
        r"sejour|dms|estancia|estadia|degenza|ligduur|ligdagen|opnameduur|verblijfs?(duur)?|interna(mento|cao|cion|d[oa])|"
        r"ricover\w*|ospedalizz\w*|sortie|dimess[oaie]|ontslag\w*|^alta$|alta (hospitalar\w*|medica)|"
        r"(fecha|data|dias?|estado|destino|motivo|tipo) (de |da |do |del |al )?alta|traslad\w*|trasferi\w*|overplaats\w*|"
        r"survie|sobreviv\w*|sopravviv\w*|falec\w*|defun\w*|"
        r"evolution(?! (of|des?) (\w+ )?symptom)|devenir|esito|desenlace|desfecho|uitkomst|afloop",
    ),
    (
        "outcome",
        r"\w*intensifs?|us[ic]|^ic$|ic (opname|dagen|duur)|opname ic|ventila[czt]\w*|beadem\w*|vni|vmi|vmni|iot|ohd|onhd|"
        r"optiflow|haut debit|alto (flujo|flusso|fluxo)",
    ),
    ("outcome", TREATED),
    ("outcome", UTI),
    (
        "outcome",
        r"liege(tage|zeit)\w*|liggetid|liggedager|liggedage|vardtid\w*|vital ?status|expired|disposition|\w*entlass(ung)?\w*|"
        r"fu ?(time|stat(us)?)|vfds?|(vent(ilator)?|o2|oxygen|icu|hospital|organ support) free( \w+)?|uitslag|dod(s\w*|[ea])?|"
        rf"iva( ?vard\w*)?|(mech(anical|anisch)? ?)vent\w*|tub(us|ed)|{COMPLICATIONS}",
    ),
    ("leak", r"co ?rads|\w*nachweis\w*"),
    ("outcome", rf"({STAYED}) ({DAYS})|({DAYS}) (({ON}) )?({STAYED})|nach hause|(sent|to) home"),
    (
        "leak",
        r"\w*diagno[sz]\w*|^dx$|(final|discharge|admission|primary|main) dx|dx (final|discharge|admission|primary|main|code)|"
        r"icd( ?(9|10|11))?( \w+)?|rt ?pcr|q ?pcr|\w*naat|sars\w*|cov|n ?cov|corona\w*|ct|cxr|x ?rays?|"
        r"\w*roe?ntgen\w*|radiolog\w*|confirmed|bestatigt|sepsis|ards",
    ),
    (
        "leak",
        r"antigen[eo]|\w*serolog\w*|scanner (\w+ )?(thora\w*|chest|tdm)|(thora\w*|chest) scanner|"
        r"tdm|tac|radiogra[pf]\w*|prueba|hemocult\w*|emocolt\w*|gravite|gravedad|gravita|"
        r"gravidade|(?<!dyspnoe )schweregrad(?!( \w+)? dyspnoe)",
    ),
    ("leak", r"\w*befund\w*|\w*ergebnis\w*|abstrich\w*|result(at|ad|aat)\w*|risultat\w*|frottis|tampone|hisopo"),
    ("leak", r"diagn\w*|final|results?|pcr|ct value|swab|antigen|covid( ?19)?|sars|test|culture|label|class|severity"),
    ("blood", r"p[av]?o2|p[av]?co2|ph|hco3|(base )?excess|lactate|lactaat"),
    (
        "oxygen",
        r"oxygene|oxigen[io]o?|ossigeno|(sauerstoff|zuurstof)(gabe|bedarf|fluss|flow|behoefte)?|lunettes|masque|maske",
    ),
    ("oxygen", r"oxygen|o2|fio2|masks?|cpap|nasal|cannula|lit(er|re)s?|vent"),
    (
        "blood",
        r"crp|ldh|le[uc]\w*cytes?|wbc|neutro\w*|lympho\w*|eosin\w*|monocyt\w*|hb|hg|h(a?e)moglobin\w*|platelets?",
    ),
    (
        "blood",
        r"t(h)?rombo\w*|d ?dimer\w*|dimer\w* d|ferritin\w*|procalc\w*|pct|creat\w*|ureum|urea|bun|ala?t|asa?t|bili\w*|"
        r"albumin\w*|s?gpt|^s?got( i?u l)?$|^gt( i?u l)?$|tg[op]|ggt|y ?gt|gamma ?gt|fibrinogen\w*",
    ),
    (
        "blood",
        r"sodium|potassium|troponin\w*|(nt ?pro ?)?bnp|p[ac]*o2|pco2|ph|hco3|base excess|lactates?|lactato|glucose|il ?6|inr",
    ),
    (
        "blood",
        r"le[uc][kc]o[cz]\w*|\w*(zyten|cyten|citos|citi)|kreatin\w*|harnstoff|uree|natrium|kalium|sodio|pota(ss)?sio|glu[ck]os\w*|"
        r"blutzucker|glycemie|glucemia|glicemia|plaquett?es|plaquetas|piastrine|hamoglobin|laktat|lattato|quick",
    ),
)

STEMS = (
    r"icu|its|los|pcr|sars|cov|covid|corona|naat|outcome|ereignis|event|death|dead|died|tod|exitus|mortality|surviv(?:al|ed|or)|"
    r"discharged?|stay|ventilat(?:ion|or|ed)|beatmungs?|intubat(?:ion|ed)|intubiert|ecmo|niv|hfnc|test|result|ergebnis|status|"
    r"swab|abstrich|antigen|station|kranken?haus|hospital"
)
FILLERS = (
    r"days?|hours?|time|date|to|in|on|of|from|first|last|total|final|primary|clinical|number|length|rt|until|after|"
    r"post|tage?|tagen|stunden|datum|zeit|dauer|zahl|anzahl|haupt|neben|bis|nach|im|am|auf|es|en|n"
)
COMPOUND = re.compile(rf"(?=.*(?:{STEMS}))(?:{STEMS}|{FILLERS})+")
"""Words written as one, such as ``icudays``, of known words alone, so that ``icu`` is not found in ``particular``."""


def smell_of(name: str) -> str:
    """Return what a column's name smells of: ``person``, ``files``, ``outcome``, ``leak``, ``blood``, ``oxygen``, or nothing.

    Examples
    --------
    >>> smell_of("ICUdays"), smell_of("outcome30"), smell_of("Todesdatum"), smell_of("SARSCoV2"), smell_of("icudays")
    ('outcome', 'outcome', 'outcome', 'leak', 'outcome')
    >>> smell_of("gestation"), smell_of("particular"), smell_of("glucose")
    ('', '', 'blood')
    """
    written = [_before(words) for words in _spellings(name)]
    for smell, pattern in SMELLS:
        if any(re.search(rf"(?<!\w)({pattern})(?!\w)", words) for words in written):
            return smell
    return ""


def words_of(name: str) -> str:
    """Return a column's name as words of plain small letters, and numbers."""
    words = re.sub(r"([a-z]{2})([A-Z])", r"\1 \2", unaccented(name))
    return " ".join(re.findall(r"[a-z]+\d*|\d+", words.lower()))


def _spellings(name: str) -> list[str]:
    """Return a name's words as written, with capitals apart from what follows, numbers apart, and compounds taken apart."""
    plain = unaccented(name)
    split = [
        plain,
        re.sub(r"([A-Z]{2,})([a-z]{2,})", r"\1 \2", plain),
        re.sub(r"([A-Z]{2,})([A-Z][a-z])", r"\1 \2", plain),
        re.sub(r"(?<=[A-Za-z])(?=\d)", " ", re.sub(r"([a-z])([A-Z]{2,})", r"\1 \2", plain)),
    ]
    found = [words_of(one) for one in split]
    joined = " ".join(_apart(word) for word in found[0].split())
    return list(dict.fromkeys([*found, joined]))


def _before(words: str) -> str:
    """Return a name's words without those for a treatment or a complication that it puts before the stay."""
    for when, what in ((BEFORE, TREATED), (PAST, COMPLICATIONS)):
        if when.search(words):
            words = " ".join(re.sub(rf"(?<!\w)({what})(?!\w)", "", words).split())
    return words


def _apart(word: str) -> str:
    """Return a compound of known words with blanks between them, any other word as it is."""
    bare = word.rstrip("0123456789")
    if not COMPOUND.fullmatch(bare):
        return word
    return " ".join(re.findall(rf"{STEMS}|{FILLERS}", bare))
