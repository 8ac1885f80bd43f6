"""A small witness (C2SP tlog-witness): an HTTP service that cosigns what extends what it saw before.

It knows nothing of consent: any log whose checkpoints have three lines can be witnessed. It is for whoever
wants a ledger's operator to be unable to rewrite it unseen: an auditor, a privacy officer, a parent company.
"""
