"""The words and habits of the languages SET_LOCALE knows, as moment.js has them; any other language is English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Locale:
    """One language. `week_start` is 0 for Sunday; week 1 is the one that holds January `first_week_day`."""

    months: tuple[str, ...]
    months_short: tuple[str, ...]
    weekdays: tuple[str, ...]
    weekdays_short: tuple[str, ...]
    weekdays_min: tuple[str, ...]
    ordinal: Callable[[int, str], str]
    formats: Mapping[str, str]
    week_start: int
    first_week_day: int
    relative: Mapping[str, str]


def _english_ordinal(number: int, unit: str) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _french_ordinal(number: int, unit: str) -> str:
    if unit == "D":
        return "1er" if number == 1 else str(number)
    if unit in ("w", "W"):
        return f"{number}re" if number == 1 else f"{number}e"
    return f"{number}er" if number == 1 else f"{number}e"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_RELATIVE = ("s", "m", "mm", "h", "hh", "d", "dd", "M", "MM", "y", "yy")


def _relative(text: str) -> dict[str, str]:
    return dict(zip(_RELATIVE, text.split("|"), strict=True))


ENGLISH = Locale(
    months=_words("January February March April May June July August September October November December"),
    months_short=_words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
    weekdays=_words("Sunday Monday Tuesday Wednesday Thursday Friday Saturday"),
    weekdays_short=_words("Sun Mon Tue Wed Thu Fri Sat"),
    weekdays_min=_words("Su Mo Tu We Th Fr Sa"),
    ordinal=_english_ordinal,
    formats={
        "LT": "h:mm A",
        "LTS": "h:mm:ss A",
        "L": "MM/DD/YYYY",
        "LL": "MMMM D, YYYY",
        "LLL": "MMMM D, YYYY h:mm A",
        "LLLL": "dddd, MMMM D, YYYY h:mm A",
    },
    week_start=0,
    first_week_day=1,
    relative=_relative(
        "a few seconds|a minute|%d minutes|an hour|%d hours|a day|%d days|a month|%d months|a year|%d years"
    ),
)

FRENCH = Locale(
    months=_words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    months_short=_words("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
    weekdays=_words("dimanche lundi mardi mercredi jeudi vendredi samedi"),
    weekdays_short=_words("dim. lun. mar. mer. jeu. ven. sam."),
    weekdays_min=_words("di lu ma me je ve sa"),
    ordinal=_french_ordinal,
    formats={
        "LT": "HH:mm",
        "LTS": "HH:mm:ss",
        "L": "DD/MM/YYYY",
        "LL": "D MMMM YYYY",
        "LLL": "D MMMM YYYY HH:mm",
        "LLLL": "dddd D MMMM YYYY HH:mm",
    },
    week_start=1,
    first_week_day=4,
    relative=_relative(
        "quelques secondes|une minute|%d minutes|une heure|%d heures|un jour|%d jours|un mois|%d mois|un an|%d ans"
    ),
)

GERMAN = Locale(
    months=_words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    months_short=_words("Jan. Feb. März Apr. Mai Juni Juli Aug. Sep. Okt. Nov. Dez."),
    weekdays=_words("Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag"),
    weekdays_short=_words("So. Mo. Di. Mi. Do. Fr. Sa."),
    weekdays_min=_words("So Mo Di Mi Do Fr Sa"),
    ordinal=lambda number, _: f"{number}.",
    formats={
        "LT": "HH:mm",
        "LTS": "HH:mm:ss",
        "L": "DD.MM.YYYY",
        "LL": "D. MMMM YYYY",
        "LLL": "D. MMMM YYYY HH:mm",
        "LLLL": "dddd, D. MMMM YYYY HH:mm",
    },
    week_start=1,
    first_week_day=4,
    relative=_relative(
        "ein paar Sekunden|eine Minute|%d Minuten|eine Stunde|%d Stunden|ein Tag|%d Tage|"
        "ein Monat|%d Monate|ein Jahr|%d Jahre"
    ),
)

SPANISH = Locale(
    months=_words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    months_short=_words("ene. feb. mar. abr. may. jun. jul. ago. sep. oct. nov. dic."),
    weekdays=_words("domingo lunes martes miércoles jueves viernes sábado"),
    weekdays_short=_words("dom. lun. mar. mié. jue. vie. sáb."),
    weekdays_min=_words("do lu ma mi ju vi sá"),
    ordinal=lambda number, _: f"{number}º",
    formats={
        "LT": "H:mm",
        "LTS": "H:mm:ss",
        "L": "DD/MM/YYYY",
        "LL": "D [de] MMMM [de] YYYY",
        "LLL": "D [de] MMMM [de] YYYY H:mm",
        "LLLL": "dddd, D [de] MMMM [de] YYYY H:mm",
    },
    week_start=1,
    first_week_day=4,
    relative=_relative(
        "unos segundos|un minuto|%d minutos|una hora|%d horas|un día|%d días|un mes|%d meses|un año|%d años"
    ),
)

_LOCALES = {"fr": FRENCH, "de": GERMAN, "es": SPANISH}


def locale_named(name: str) -> Locale:
    """The language of a tag such as `fr` or `fr-ca`; English for one that is not here."""
    return _LOCALES.get(name.strip().lower().replace("_", "-").split("-")[0], ENGLISH)
