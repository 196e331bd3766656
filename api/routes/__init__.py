"""One file a resource. A route parses, makes one call, returns."""
