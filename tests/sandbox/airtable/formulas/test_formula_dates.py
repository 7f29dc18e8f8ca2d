from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sandbox.airtable.formulas import FAULT
from sandbox.airtable.formulas.functions import calendar, dates

M = {"m": datetime(2026, 3, 5, 14, 7, 9, 45_000, tzinfo=UTC)}
D = {"m": date(2026, 3, 5)}
BLANK = {"m": None}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


CASES: list[tuple[str, dict, object]] = [
    ("DATEADD({m}, 10, 'days')", D, at(2026, 3, 15)),
    ("DATEADD('2026-01-31', 1, 'month')", {}, at(2026, 2, 28)),
    ("DATEADD('2024-02-29', 1, 'years')", {}, at(2025, 2, 28)),
    ("DATEADD('2026-01-31', -2, 'months')", {}, at(2025, 11, 30)),
    ("DATEADD('2026-01-31', 1, 'quarter')", {}, at(2026, 4, 30)),
    ("DATEADD('2026-01-31', 2, 'w')", {}, at(2026, 2, 14)),
    ("DATEADD('2026-01-31', 90, 'm')", {}, at(2026, 1, 31, 1, 30)),
    ("DATEADD('2026-01-31', 1, 'M')", {}, at(2026, 2, 28)),
    ("DATEADD('2026-01-31', 1.5, 'hours')", {}, at(2026, 1, 31, 1, 30)),
    ("DATEADD('2026-01-31', 250, 'ms')", {}, at(2026, 1, 31) + timedelta(milliseconds=250)),
    ("DATEADD('2026-01-31', 1, 'fortnight')", {}, FAULT),
    ("DATEADD({m}, 1, 'day')", BLANK, FAULT),
    ("DATEADD('2026-01-31', 100000, 'years')", {}, FAULT),
    ("DATEADD('2026-01-31', -100000000000000, 'seconds')", {}, FAULT),
    ("DATEADD('2026-01-31', 1/0, 'days')", {}, FAULT),
    ("DATEADD('2026-01-31', 0/0, 'hours')", {}, FAULT),
    ("DATEADD(5, 1, 'days')", {}, FAULT),
    (
        "DATETIME_FORMAT(DATEADD(SET_TIMEZONE('2026-03-28T11:00Z', 'Europe/Berlin'), 1, 'day'), 'DD HH:mm Z')",
        {},
        "29 12:00 +02:00",
    ),
    (
        "DATETIME_FORMAT(DATEADD(SET_TIMEZONE('2026-03-28T11:00Z', 'Europe/Berlin'), 24, 'hours'), 'DD HH:mm')",
        {},
        "29 13:00",
    ),
    ("DATESTR({m})", M, "2026-03-05"),
    ("DATESTR({m})", D, "2026-03-05"),
    ("DATESTR({m})", BLANK, FAULT),
    ("TIMESTR({m})", M, "14:07:09"),
    ("TIMESTR({m})", D, "00:00:00"),
    ("TIMESTR('noon')", {}, FAULT),
    ("DATETIME_DIFF('2026-03-05', '2026-03-04')", {}, 86400),
    ("DATETIME_DIFF('2026-03-05', '2026-03-04', 'hours')", {}, 24),
    ("DATETIME_DIFF('2026-03-04', '2026-03-05T23:59', 'days')", {}, -1),
    ("DATETIME_DIFF('2026-03-05T00:00:00.250Z', '2026-03-05', 'milliseconds')", {}, 250),
    ("DATETIME_DIFF('2026-03-05T00:00:00.999Z', '2026-03-05', 's')", {}, 0),
    ("DATETIME_DIFF('2026-03-19', '2026-03-05', 'weeks')", {}, 2),
    ("DATETIME_DIFF('2026-03-31', '2026-02-28', 'months')", {}, 1),
    ("DATETIME_DIFF('2026-03-27', '2026-02-28', 'months')", {}, 0),
    ("DATETIME_DIFF('2026-02-28', '2026-01-31', 'months')", {}, 1),
    ("DATETIME_DIFF('2026-01-31', '2026-02-28', 'months')", {}, -1),
    ("DATETIME_DIFF('2025-01-15', '2026-03-14', 'months')", {}, -13),
    ("DATETIME_DIFF('2026-12-31', '2026-01-01', 'quarters')", {}, 3),
    ("DATETIME_DIFF('2026-03-05', '2000-03-06', 'years')", {}, 25),
    ("DATETIME_DIFF('2026-03-06', '2000-03-06', 'y')", {}, 26),
    ("DATETIME_DIFF('2026-03-06T12:00:30Z', '2026-03-06', 'minutes')", {}, 720),
    ("DATETIME_DIFF('0001-01-01', '9999-12-31', 'months')", {}, -119987),
    ("DATETIME_DIFF({m}, TODAY(), 'days')", BLANK, FAULT),
    ("DATETIME_DIFF('2026-03-05', '2026-03-04', 'decades')", {}, FAULT),
    ("IS_SAME('2026-03-05T10:00Z', '2026-03-05T11:00Z')", {}, False),
    ("IS_SAME('2026-03-05T10:00Z', '2026-03-05T11:00Z', 'day')", {}, True),
    ("IS_SAME('2026-03-01', '2026-03-31', 'month')", {}, True),
    ("IS_SAME('2026-03-01', '2026-04-01', 'quarter')", {}, False),
    ("IS_SAME('2026-03-01', '2026-12-01', 'year')", {}, True),
    ("IS_SAME('2026-03-01', '2026-03-07', 'week')", {}, True),
    ("IS_SAME('2026-03-07', '2026-03-08', 'week')", {}, False),
    ("IS_SAME({m}, TODAY(), 'day')", BLANK, FAULT),
    ("IS_BEFORE('2026-03-04', {m})", D, True),
    ("IS_BEFORE({m}, {m})", D, False),
    ("IS_BEFORE({m}, TODAY())", BLANK, FAULT),
    ("IS_AFTER({m}, '2026-03-05')", M, True),
    ("IS_AFTER({m}, '2026-03-05')", D, False),
    ("IS_AFTER({m}, 'soon')", D, FAULT),
    ("IS_AFTER({m}, '2026-03-05', 'day')", M, False),
    ("YEAR({m})", M, 2026),
    ("YEAR('2026-03-05')", {}, 2026),
    ("YEAR({m})", BLANK, FAULT),
    ("MONTH({m})", M, 3),
    ("MONTH({m})", D, 3),
    ("MONTH(3)", {}, FAULT),
    ("DAY({m})", M, 5),
    ("DAY({m})", D, 5),
    ("DAY('')", {}, FAULT),
    ("HOUR({m})", M, 14),
    ("HOUR({m})", D, 0),
    ("HOUR(SET_TIMEZONE({m}, 'America/New_York'))", M, 9),
    ("MINUTE({m})", M, 7),
    ("MINUTE({m})", D, 0),
    ("MINUTE({m})", {"m": [M["m"]]}, 7),
    ("SECOND({m})", M, 9),
    ("SECOND({m})", D, 0),
    ("SECOND({m})", {"m": ["a", "b"]}, FAULT),
    ("SET_TIMEZONE({m}, 'Asia/Tokyo')", M, M["m"]),
    ("DATETIME_FORMAT(SET_TIMEZONE({m}, 'Asia/Kolkata'), 'HH:mm Z ZZ z')", M, "19:37 +05:30 +0530 IST"),
    ("SET_TIMEZONE({m}, 'Mars/Olympus')", M, FAULT),
    ("SET_TIMEZONE({m}, '../../etc/passwd')", M, FAULT),
    ("SET_TIMEZONE('0001-01-01', 'America/New_York')", {}, FAULT),
    ("SET_LOCALE({m}, 'fr')", M, M["m"]),
    ("SET_LOCALE({m}, 'fr') & ''", M, "2026-03-05T14:07:09.045Z"),
    ("SET_LOCALE({m}, 'fr') = {m}", M, True),
    ("DATETIME_FORMAT(SET_LOCALE({m}, 'fr'), 'LL, dddd, Do MMM')", M, "5 mars 2026, jeudi, 5 mars"),
    ("DATETIME_FORMAT(SET_LOCALE({m}, 'de'), 'LLLL')", M, "Donnerstag, 5. März 2026 14:07"),
    ("DATETIME_FORMAT(SET_LOCALE({m}, 'es'), 'LL')", M, "5 de marzo de 2026"),
    ("DATETIME_FORMAT(SET_LOCALE({m}, 'es'), 'll')", M, "5 de mar. de 2026"),
    ("DATETIME_FORMAT(SET_LOCALE({m}, 'xx'), 'MMMM')", M, "March"),
    ("DATETIME_FORMAT(SET_TIMEZONE(SET_LOCALE({m}, 'de'), 'Europe/Berlin'), 'dddd HH:mm')", M, "Donnerstag 15:07"),
    ("DATETIME_FORMAT({m})", M, "2026-03-05T14:07:09+00:00"),
    ("DATETIME_FORMAT({m}, 'YYYY-MM-DD')", D, "2026-03-05"),
    ("DATETIME_FORMAT({m}, 'M Mo MM MMM MMMM')", M, "3 3rd 03 Mar March"),
    ("DATETIME_FORMAT({m}, 'Q Qo D Do DD DDD DDDo DDDD')", M, "1 1st 5 5th 05 64 64th 064"),
    ("DATETIME_FORMAT({m}, 'd do dd ddd dddd e E')", M, "4 4th Th Thu Thursday 4 4"),
    ("DATETIME_FORMAT({m}, 'w wo ww W Wo WW')", M, "10 10th 10 10 10th 10"),
    ("DATETIME_FORMAT({m}, 'YY YYYY Y YYYYYY gg gggg GG GGGG')", M, "26 2026 2026 +002026 26 2026 26 2026"),
    ("DATETIME_FORMAT({m}, 'H HH h hh k kk A a')", M, "14 14 2 02 14 14 PM pm"),
    ("DATETIME_FORMAT({m}, 'm mm s ss S SS SSS SSSS')", M, "7 07 9 09 0 04 045 0450"),
    ("DATETIME_FORMAT({m}, 'X x')", M, "1772719629 1772719629045"),
    ("DATETIME_FORMAT({m}, 'Hmm hmmss')", M, "1407 20709"),
    ("DATETIME_FORMAT({m}, 'LT|LTS|L|LL|LLL')", M, "2:07 PM|2:07:09 PM|03/05/2026|March 5, 2026|March 5, 2026 2:07 PM"),
    ("DATETIME_FORMAT({m}, 'l|ll|llll')", M, "3/5/2026|Mar 5, 2026|Thu, Mar 5, 2026 2:07 PM"),
    ("DATETIME_FORMAT({m}, '[Today is] dddd [MM]')", M, "Today is Thursday MM"),
    ("DATETIME_FORMAT({m}, '\\\\MM / [')", M, "M3 / ["),
    ("DATETIME_FORMAT('2026-01-01T00:30Z', 'h:mm A k')", {}, "12:30 AM 24"),
    ("DATETIME_FORMAT('2026-01-22', 'Do')", {}, "22nd"),
    ("DATETIME_FORMAT('2026-01-11', 'Do')", {}, "11th"),
    ("DATETIME_FORMAT('2027-01-01', 'gggg-ww GGGG-WW')", {}, "2027-01 2026-53"),
    ("DATETIME_FORMAT({m}, '')", M, ""),
    ("DATETIME_FORMAT({m}, REPT('L', 5000))", M, FAULT),
    ("DATETIME_FORMAT({m}, 'L')", BLANK, FAULT),
    ("DATETIME_PARSE('2026-11-22T14:51:19.370Z')", {}, at(2026, 11, 22, 14, 51, 19, 370_000)),
    ("DATETIME_PARSE('2026-11-22T14:51:19.370+05:30')", {}, at(2026, 11, 22, 9, 21, 19, 370_000)),
    ("DATETIME_PARSE('2026-11-22')", {}, at(2026, 11, 22)),
    ("DATETIME_PARSE('20261122')", {}, at(2026, 11, 22)),
    ("DATETIME_PARSE('2026-11')", {}, at(2026, 11, 1)),
    ("DATETIME_PARSE('2026-11-22 8:15')", {}, at(2026, 11, 22, 8, 15)),
    ("DATETIME_PARSE('+002026-11-22')", {}, at(2026, 11, 22)),
    ("DATETIME_PARSE('2026-11-22T24:00')", {}, at(2026, 11, 23)),
    ("DATETIME_PARSE('2026-11-22T25:00')", {}, FAULT),
    ("DATETIME_PARSE('2026-02-30')", {}, FAULT),
    ("DATETIME_PARSE('11/22/2026')", {}, at(2026, 11, 22)),
    ("DATETIME_PARSE('11/22/26 2:05 pm')", {}, at(2026, 11, 22, 14, 5)),
    ("DATETIME_PARSE('22 Nov 2026')", {}, at(2026, 11, 22)),
    ("DATETIME_PARSE('November 22nd, 2026 14:05')", {}, at(2026, 11, 22, 14, 5)),
    ("DATETIME_PARSE('13/22/2026')", {}, FAULT),
    ("DATETIME_PARSE('tomorrow')", {}, FAULT),
    ("DATETIME_PARSE('')", {}, FAULT),
    ("DATETIME_PARSE(5)", {}, FAULT),
    ("DATETIME_PARSE({m})", M, M["m"]),
    ("DATETIME_PARSE({m})", D, at(2026, 3, 5)),
    ("DATETIME_PARSE('4 Mar 2017 23:00', 'D MMM YYYY HH:mm')", {}, at(2017, 3, 4, 23)),
    ("DATETIME_PARSE('22.11.2026', 'DD.MM.YYYY')", {}, at(2026, 11, 22)),
    ("DATETIME_PARSE('20261122', 'YYYYMMDD')", {}, at(2026, 11, 22)),
    ("DATETIME_PARSE('5 mars 2026', 'D MMMM YYYY', 'fr')", {}, at(2026, 3, 5)),
    ("DATETIME_PARSE('12:30 am', 'h:mm a')", {}, at(2026, 11, 22, 0, 30)),
    ("DATETIME_PARSE('11/22/69', 'M/D/YY')", {}, at(1969, 11, 22)),
    ("DATETIME_PARSE('11/22/68', 'M/D/YY')", {}, at(2068, 11, 22)),
    ("DATETIME_PARSE('1772719629', 'X')", {}, at(2026, 3, 5, 14, 7, 9)),
    ("DATETIME_PARSE('1772719629045', 'x')", {}, M["m"]),
    ("DATETIME_PARSE('2026 064', 'YYYY DDDD')", {}, at(2026, 3, 5)),
    ("DATETIME_PARSE('2025 366', 'YYYY DDDD')", {}, FAULT),
    ("DATETIME_PARSE('3rd Jan 26 1705.250', 'Do MMM YY Hmm.SSS')", {}, at(2026, 1, 3, 17, 5, 0, 250_000)),
    ("DATETIME_PARSE('2026-11-22 10:00 +02:00', 'YYYY-MM-DD HH:mm Z')", {}, at(2026, 11, 22, 8)),
    ("DATETIME_PARSE('2026', 'YYYY')", {}, at(2026, 1, 1)),
    ("DATETIME_PARSE('Q3 2026', '[Q]Q YYYY')", {}, at(2026, 7, 1)),
    ("DATETIME_PARSE('31/02/2026', 'DD/MM/YYYY')", {}, FAULT),
    ("DATETIME_PARSE('words', 'YYYY')", {}, FAULT),
    ("DATETIME_PARSE('99999999999999999999', 'x')", {}, FAULT),
    ("WEEKDAY('2026-11-22')", {}, 0),
    ("WEEKDAY('2026-11-23')", {}, 1),
    ("WEEKDAY('2026-11-22', 'Monday')", {}, 6),
    ("WEEKDAY('2026-11-22', 'Friday')", {}, FAULT),
    ("WEEKNUM('2026-01-01')", {}, 1),
    ("WEEKNUM('2026-01-04')", {}, 2),
    ("WEEKNUM('2026-01-04', 'Monday')", {}, 1),
    ("WEEKNUM('0001-01-01')", {}, 1),
    ("WEEKNUM('9999-12-31')", {}, 53),
    ("WORKDAY('2026-11-20', 1)", {}, at(2026, 11, 23)),
    ("WORKDAY('2026-11-21', 5)", {}, at(2026, 11, 27)),
    ("WORKDAY('2026-11-23', -1)", {}, at(2026, 11, 20)),
    ("WORKDAY('2026-11-22', -5)", {}, at(2026, 11, 16)),
    ("WORKDAY('2026-11-21', 0)", {}, at(2026, 11, 21)),
    ("WORKDAY('2026-11-20', 1, '2026-11-23, 2026-11-24')", {}, at(2026, 11, 25)),
    ("WORKDAY('2026-11-20', 260)", {}, at(2027, 11, 19)),
    ("WORKDAY('2026-11-20', 1000000000)", {}, FAULT),
    ("WORKDAY('2026-11-20', 1, 'someday')", {}, FAULT),
    ("WORKDAY_DIFF('2026-11-16', '2026-11-20')", {}, 5),
    ("WORKDAY_DIFF('2026-11-21', '2026-11-22')", {}, 0),
    ("WORKDAY_DIFF('2026-11-16', '2026-11-27', '2026-11-26, 2026-11-28')", {}, 9),
    ("WORKDAY_DIFF('2026-11-20', '2026-11-16')", {}, -5),
    ("WORKDAY_DIFF('0001-01-01', '9999-12-31')", {}, 2608615),
    ("WORKDAY_DIFF({m}, '2026-11-16')", BLANK, FAULT),
]


@pytest.mark.parametrize(("formula", "fields", "expected"), CASES)
def test_date_functions(evaluate, formula, fields, expected):
    value = evaluate(formula, fields)
    assert (value, isinstance(value, bool)) == (expected, isinstance(expected, bool))


def test_every_date_function_has_its_cases(cases_by_function):
    counted = cases_by_function(CASES)
    assert {name for name in (*dates.FUNCTIONS, *calendar.FUNCTIONS, "DATETIME_PARSE") if counted[name] < 3} == set()


@pytest.mark.parametrize("count", [*range(-23, 24), 250, -250])
def test_workday_agrees_with_counting_day_by_day(evaluate, count):
    free = {date(2026, 11, 26), date(2026, 12, 25), date(2026, 11, 11), date(2026, 11, 14)}
    listed = ",".join(sorted(map(str, free)))
    for start in (date(2026, 11, day) for day in range(16, 23)):
        day, left = start, abs(count)
        while left:
            day += timedelta(days=1 if count > 0 else -1)
            left -= day.isoweekday() < 6 and day not in free
        assert evaluate(f"WORKDAY('{start}', {count}, '{listed}')") == at(day.year, day.month, day.day), start


def test_results_are_in_utc(evaluate):
    value = evaluate("SET_TIMEZONE('2026-03-05T14:00Z', 'Asia/Tokyo')")
    assert value.tzinfo is UTC
