"""Match scores of 0 to 100: carriers for a driver, drivers for a carrier; and the completeness of a profile.

Pure functions of rows as records have them. Results equal the platform's to the last digit, including its oddities. A
key that a row lacks stays absent, None is null.

    carriers.py               a driver's preferences and a carrier -> score, eight components, the carrier as shown
    drivers.py                a driver and a carrier's preferences, weights or filters -> score, six components
    driver_components.py      these six, one function each
    driver_weights.py         their weights
    driver_rationale.py       why a driver fits, in sentences
    completeness.py           a driver's profile -> its completeness, missing fields
"""
