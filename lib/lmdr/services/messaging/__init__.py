"""Messages between a driver and a carrier's recruiters."""
