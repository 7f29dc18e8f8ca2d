"""A Wix Data and an Airtable to rehearse on: one local process that speaks both web APIs."""
