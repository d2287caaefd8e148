"""Who may do what: keys, their scopes, and the guard in front of the routes."""
