"""Outward: webhooks to other people's servers. Knows HTTP clients and sockets, no database and no API."""
