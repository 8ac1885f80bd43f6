"""May this be sent to this address now? Also as of another time, and under another rulebook."""
