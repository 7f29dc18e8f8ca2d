"""What a driver does: profile, applications, looking for carriers."""
