"""Carriers, drivers, jobs, hiring preferences: phase 3."""

from __future__ import annotations

from collections.abc import Iterator

from lmdr.sample.generator import DAY, NOW, Carrier, Driver, Generator, Item, date, day, fixed_id
from lmdr.sample.people import Person

EQUIPMENT = ("Dry Van", "Reefer", "Flatbed", "Tanker", "Hazmat", "Auto Hauler", "Step Deck", "Lowboy")
ENDORSEMENTS = ("H", "N", "T", "X", "P", "S")
ROUTES = ("OTR", "Regional", "Local", "Dedicated")
STATES = ("TX", "CA", "OK", "GA", "FL", "SC", "LA")
DURATIONS = ("less_than_6_months", "6_months", "1_year", "2_years", "3_plus_years")


def carriers(gen: Generator, n: int) -> Iterator[Item]:
    """Motor carriers with the keys of the census, some also with those of the public pages. Kept for later rows."""
    rng = gen.rng
    dots = rng.sample(range(100_000, 4_400_000), n)
    for number in range(n):
        place, ms = rng.choice(gen.pool.places), gen.timestamp()
        trade = rng.choice(("TRUCKING", "LOGISTICS", "TRANSPORT", "FREIGHT"))
        name = f"{rng.choice(gen.pool.companies).upper()} {trade}"
        units = int(rng.paretovariate(0.9) * 3)
        row = gen.item(
            ms, fixed_id("member", "carrier", number), legal_name=name, dot_number=dots[number],
            phy_city=place.city.upper(),
            phy_state=place.state, phy_zip=place.zip, telephone=gen.pool.phone(rng, place), nbr_power_unit=units,
            email_address=f"DISPATCH{number}@EXAMPLE.COM", driver_total=max(1, int(units * rng.uniform(0.8, 1.6))),
            recent_mileage=units * rng.randrange(20_000, 130_000), recent_mileage_year=rng.choice((2023, 2024, 2025)),
            carrier_operation=rng.choice("ABC"), pay_cpm=round(rng.uniform(0.45, 0.85), rng.choice((2, 3, 4))),
            turnover_percent=round(rng.uniform(5, 110), 2), accident_rate=round(rng.expovariate(2), 4),
            avg_truck_age=round(rng.uniform(0.5, 12), 1), combined_score=round(rng.uniform(20, 99), 2),
        )  # fmt: skip
        if gen.chance(0.7):
            row |= {"mc_number": rng.randrange(100_000, 1_600_000), "dba_name": rng.choice((name.title(), None, ""))}
        if gen.chance(0.5):
            low = round(rng.uniform(0.4, 0.6), 2)
            row |= {
                "title": name.title(), "pay_min": low, "pay_max": round(low + 0.185, 3), "fleet_size": units,
                "operation_type": rng.choice(ROUTES), "turnover_rate": round(rng.uniform(0.05, 0.9), 3),
                "truck_age_avg": round(rng.uniform(0.5, 12), 1), "is_hiring": gen.chance(0.6), "is_active": True,
                "quality_score": round(rng.uniform(20, 99), 1), "pay_range": f"${low:.2f} - ${low + 0.18:.2f}",
                "home_time": rng.choice(("Weekly", "Daily", "Every 2 weeks")), "hiring_tagline": gen.sentence(),
                "logo_url": gen.file_url("logo.png"), "benefits_summary": f"401(k)\nHealth\n{gen.sentence()}",
                "required_endorsements": ", ".join(gen.subset(ENDORSEMENTS)),
                "sign_on_bonus": rng.randrange(0, 15_000, 500),
                "urgency_level": rng.choice(("normal", "high")), "open_positions": rng.randrange(30),
                "company_description": gen.paragraph(), "valid_through": day(NOW + rng.randrange(200) * DAY),
            }  # fmt: skip
        if gen.chance(0.3):
            scores = ("priority_score", "fleetScore", "ratioScore", "geoScore")
            row |= {name: round(rng.uniform(0, 100), 2) for name in scores}
            row |= {"mileageScore": rng.randrange(100), "load_truck_ratio": round(rng.uniform(0.5, 4), 4)}
            row["fleet_mpg"] = 6.75
        if gen.chance(0.6):
            row |= {"safety_rating": rng.choice(("SATISFACTORY", "CONDITIONAL", "UNSATISFACTORY", "NOT RATED"))}
            row |= {"is_authorized": not gen.chance(0.1), "clientCarriers": rng.choice(("", "client", None))}
        if gen.chance(0.4):
            row |= {"status": rng.choice(("active", "active", "inactive", "suspended", "pending_review"))}
            change = {"from": "pending_review", "to": row["status"], "reason": gen.sentence()}
            change |= {"changedBy": gen.admins[0], "changedAt": date(ms + DAY)}
            row |= {"statusHistory": [change], "isFlagged": False}
        if gen.chance(0.05):
            row |= {"isFlagged": True, "flagReason": gen.sentence(), "flaggedAt": date(gen.timestamp(ms))}
            row["is_flagged"] = True
        gen.carriers.append(Carrier(row["_id"], row["dot_number"], name, place, row["_owner"]))
        yield row


def driver_profiles(gen: Generator, n: int) -> Iterator[Item]:
    """Profiles, from a first visit to a complete application. Kept for later rows."""
    for number in range(n):
        person, ms = gen.pool.person(gen.rng), gen.timestamp()
        row = gen.item(ms, fixed_id("member", "driver", number))
        row |= _new_profile(gen, ms)
        if gen.chance(0.75):
            row |= {
                "display_name": person.name, "email": person.email, "phone": person.phone, "home_zip": person.place.zip,
                "preferred_operation_type": gen.rng.choice((*ROUTES, "any", "no_preference")), "min_cpm": 0.625,
                "total_searches": gen.rng.randrange(1, 40), "last_search_date": date(gen.timestamp(ms)),
                "is_discoverable": gen.chance(0.7), "profile_completeness_score": gen.rng.randrange(30, 101, 5),
            }  # fmt: skip
        if gen.chance(0.6):
            row |= _qualified(gen)
        if gen.chance(0.55):
            row |= _applied(gen, person, row, ms)
        if gen.chance(0.3):
            row |= _scored(gen, ms)
        gen.drivers.append(Driver(row["_id"], row["_owner"], person))
        yield row


def _new_profile(gen: Generator, ms: int) -> Item:
    return {
        "display_name": "", "max_commute_miles": 50, "min_cpm": 0.5, "preferred_operation_type": "no_preference",
        "max_turnover_percent": 90, "max_truck_age_years": 5, "fleet_size_preference": "no_preference", "cdl_class": "",
        "years_experience": None, "clean_mvr": None, "accidents_last_3_years": None, "violations_last_3_years": None,
        "endorsements": [], "total_searches": 0, "is_discoverable": False, "profile_status": "incomplete",
        "profile_completeness_score": gen.rng.randrange(0, 30, 5), "created_date": date(ms), "updated_date": date(ms),
    }  # fmt: skip


def _qualified(gen: Generator) -> Item:
    rng = gen.rng
    fields: Item = {
        "cdl_class": rng.choice("AAABC"), "endorsements": gen.subset(ENDORSEMENTS, 4),
        "clean_mvr": rng.choice((True, False)),
        "years_experience": rng.choice((0, 1, 2.5, rng.randrange(3, 35))), "accidents_last_3_years": rng.randrange(3),
        "violations_last_3_years": rng.randrange(4), "equipment_experience": gen.subset(EQUIPMENT, 4),
        "cdl_front_image": gen.media("cdl_front"), "cdl_expiration": day(NOW + rng.randrange(-200, 1400) * DAY),
        "preferred_routes": gen.subset(ROUTES, 2), "restrictions": rng.choice((["NONE"], [], ["E", "L"])),
    }  # fmt: skip
    if gen.chance(0.15):
        fields |= {"endorsements": ["hazmat", "tanker"], "equipment_experience": ["Dry Van, 53 ft", "Reefer"]}
    if gen.chance(0.7):
        fields["cdl_back_image"] = f"https://static.example.com/media/{rng.getrandbits(40):010x}.jpg"
        front = rng.choice(("pending", "verified", "approved", "rejected"))
        fields |= {"cdl_front_status": front, "cdl_back_status": "pending"}
    return fields


def _applied(gen: Generator, person: Person, row: Item, ms: int) -> Item:
    rng = gen.rng
    mvr, at, city = rng.choice(("Clean", "1 violation", "")), gen.timestamp(ms), person.place
    fields: Item = {
        "first_name": person.first, "last_name": person.last, "display_name": person.name, "email": person.email,
        "phone": person.phone, "dob": day(-rng.randrange(0, 9000) * DAY + 8000 * DAY), "city": city.city,
        "state": city.state,
        "cdl_state": city.state, "home_zip": city.zip, "zip_code": city.zip,
        "cdl_number": f"X{rng.randrange(10**8):08d}",
        "mvr_status": mvr, "clean_mvr": mvr.lower() == "clean", "companies_last_3_years": rng.randrange(5),
        "employer_1_name": rng.choice(gen.pool.companies), "employer_1_duration": rng.choice(DURATIONS),
        "employer_2_name": "", "work_history": [{"employer": rng.choice(gen.pool.companies), "years": 1.5}],
        "home_time_preference": rng.choice(("Daily", "Weekly", "Bi-weekly", "Monthly")), "docs_submitted": True,
        "availability": rng.choice(("immediately", "1_week", "2_weeks", "1_month", "flexible", "immediate", "2_week",
        "30_day")),
        "application_date": date(at), "updated_date": date(at), "is_searchable": True, "visibility_level": "full",
        "profile_status": "active", "docs_complete": gen.chance(0.4),
        "cdl_front_url": gen.file_url("cdl_front.jpg"),
        "status": rng.choice(("active", "pending", "suspended", "incomplete")),
    }  # fmt: skip
    if gen.chance(0.4):
        fields |= {"med_card_image": gen.media("med_card"), "med_card_url": gen.file_url("med.jpg"),
        "med_card_status": "pending",
                  "med_card_expiration": day(NOW + rng.randrange(700) * DAY),
                  "resume_file": gen.file_url("resume.pdf")}  # fmt: skip
    if gen.chance(0.2):
        fields |= {"visibility_level": rng.choice(("limited", "hidden")), "is_searchable": gen.chance(0.5)}
        change = {"from": "pending", "to": "active", "changedAt": date(at), "changedBy": gen.admins[0]}
        fields["statusHistory"] = [change]
        fields |= {"verificationStatus": rng.choice(("unverified", "in_review", "verified")), "verifiedAt": date(at)}
    if not row.get("cdl_class"):
        fields["missing_fields"] = ["CDL class", "CDL photos"]
    return fields


def _scored(gen: Generator, ms: int) -> Item:
    return {
        "last_active_date": date(gen.timestamp(ms)), "response_rate": round(gen.rng.random(), 4), "violations": 1,
        "min_cpm_expectation": round(gen.rng.uniform(0.5, 0.8), 3), "membershipTier": "free",
        "violation_severity": gen.rng.choice(("minor", "major")), "preferred_contact": "phone",
    }  # fmt: skip


def driver_jobs(gen: Generator, n: int) -> Iterator[Item]:
    """Jobs of the public board: dates as text, ZIPs as numbers in some."""
    rng = gen.rng
    for _ in range(n):
        place, ms = rng.choice(gen.pool.places), gen.timestamp()
        low = round(rng.uniform(18, 32), 2)
        yield gen.item(
            ms, jobTitle=f"{rng.choice(('CDL-A', 'CDL-B', 'Last Mile'))} {rng.choice(ROUTES)} Driver", title="Driver",
            description=f"<p>{gen.paragraph()}</p>", city=place.city, state=place.state,
            postalCode=int(place.zip) if gen.chance(0.3) else place.zip, pay_min=low, pay_max=low + 6.5, payRate=low,
            status=rng.choice(("Draft", "Active", "Active", "Paused", "Closed")), posted_date=day(ms),
            datePosted=day(ms),
            driverType=rng.choice(("CDL", "Last Mile", "Non-CDL")), routeType=rng.choice(ROUTES[:3]),
            companyLogo=gen.media("logo"), employmentType=rng.choice(("Full-time", "Part time", "Temp")),
            benefits="Health\n401(k) | PTO • Bonus", applicationLink=gen.file_url("apply"),
            validThrough=day(ms + 90 * DAY), hiringLocation=rng.choice(gen.pool.companies),
            phone=gen.pool.phone(rng, place), companyBase=place.city,
        )  # fmt: skip


def carrier_hiring_preferences(gen: Generator, n: int) -> Iterator[Item]:
    """Carriers' hiring preferences, one active row each."""
    rng = gen.rng
    for number in range(n):
        carrier = gen.carriers[number % len(gen.carriers)]
        low = round(rng.uniform(0.45, 0.6), 3)
        row = gen.item(
            gen.timestamp(), carrier_dot=str(carrier.dot), recruiter_id=rng.choice(gen.recruiters),
            required_cdl_types=gen.subset("ABC") or ["A"], required_endorsements=gen.subset(ENDORSEMENTS),
            min_experience_years=rng.choice((0, 1, 1.5, 2)), max_experience_years=rng.choice((None, 20)),
            target_zip_codes=[rng.choice(gen.pool.places).zip for _ in range(rng.randrange(5))],
            target_radius_miles=rng.choice((50, 100, 250.5)), target_states=gen.subset(STATES), offered_pay_min=low,
            offered_pay_max=round(low + 0.1, 3), route_types=gen.subset(ROUTES), equipment_types=gen.subset(EQUIPMENT),
            urgency=rng.choice(("immediate", "2_week", "30_day", "ongoing")), positions_open=rng.randrange(20),
            is_active=not gen.chance(0.2),
        )  # fmt: skip
        if gen.chance(0.5):
            row |= {"weight_qualifications": 30, "weight_experience": 20, "weight_location": 20.5,
            "weight_availability": 14.5,
                    "weight_salaryFit": 10, "weight_engagement": 5}  # fmt: skip
        yield row


def driver_interests(gen: Generator, n: int) -> Iterator[Item]:
    """Drivers' interest in carriers, which mutual matching reads."""
    for _ in range(n):
        driver, carrier = gen.rng.choice(gen.drivers), gen.rng.choice(gen.carriers)
        ms = gen.timestamp()
        yield gen.item(
            ms, driver.member, driver_id=driver.id, carrier_dot=str(carrier.dot), created_date=date(ms),
            status=gen.rng.choice(("interested", "not_interested", "applied")),
            interest_level=gen.rng.randint(1, 5),
            linked_driver=driver.id, notes=gen.sentence(),
        )  # fmt: skip
