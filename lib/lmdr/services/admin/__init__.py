"""Services for admins, and the rules and shapes that they share."""
