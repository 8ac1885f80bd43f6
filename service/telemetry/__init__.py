"""What the service tells its operators: logs, metrics and traces. None of it knows whom an event is about."""
