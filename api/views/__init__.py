"""From what the database holds to what goes over the wire: JSON, text, pictures. Reads nothing by itself."""
