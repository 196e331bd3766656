"""What is HTTP and no resource: problem+json errors, strict requests, preconditions, negotiation, limits, a server."""
