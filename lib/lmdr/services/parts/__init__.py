"""What services are made of: rules and shapes that several share, and what one service would be too long with."""
