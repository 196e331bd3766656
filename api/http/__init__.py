"""What any HTTP service needs: errors as problem+json, strict requests, conditions, negotiation, the server itself."""
