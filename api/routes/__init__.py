"""One file per resource. A route parses the request, makes one call, and returns the answer."""
