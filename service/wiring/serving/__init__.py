"""Serving HTTP: one process or several, and what surrounds the application."""
