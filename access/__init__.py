"""Who may do what: projects, which are the tenants, and the API keys that let clients in."""
