"""What a carrier does: leads, onboarding, preferences, looking for drivers; and what is known of it from elsewhere."""
