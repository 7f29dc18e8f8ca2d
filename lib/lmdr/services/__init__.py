"""The platform's services, one module each, over the routed data layer alone."""
