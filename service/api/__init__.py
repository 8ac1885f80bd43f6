"""HTTP: request and response shapes, problems, routes."""
