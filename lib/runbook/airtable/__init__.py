"""The Airtable client: requests, rate limiter, error responses, webhooks, formulas."""
