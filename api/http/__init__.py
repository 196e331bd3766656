"""What any HTTP service needs: problem+json errors, strict requests, preconditions, negotiation, limits, the server."""
