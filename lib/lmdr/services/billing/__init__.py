"""Payments by Stripe, a carrier's plan, and checkouts that were not finished."""
