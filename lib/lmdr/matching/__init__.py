"""Who fits whom, in points of 100: carriers for a driver, drivers for a carrier, and how complete a profile is.

Pure functions of rows as records have them, equal to the platform's to the last digit: its figures are what users see,
its odd ones too. A key that a row lacks stays lacking, None is null.

    carriers.py               a driver's preferences, a carrier -> score, the eight components, the carrier as shown
    drivers.py                a driver, a carrier's preferences, weights or filters -> score, the six components
    driver_components.py      those six, one function each
    driver_weights.py         how much each of them counts
    driver_rationale.py       why a driver fits, in words
    completeness.py           a driver's profile -> how much of it is filled in, what is missing
"""
