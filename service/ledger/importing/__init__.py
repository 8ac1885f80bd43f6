"""From a row of somebody else's list to events, and to an honest word on what the row can show.

Pure: cells in, events out. A mapping says what the columns mean; `Rows.read` turns one row into the events to
record and its grade; nothing is guessed that decides, and a no is never dropped.

What a yes is worth depends on what the row shows of it (GDPR art. 7(1): the controller shall be able to
demonstrate), and becomes the event that the rules know for it:

* A: the text that was shown (a published form), when, what the person did, and from where.
  `consent_granted`, documented: allowed, as the rules say.
* B: when, what the person did, and from where, but not the text. `consent_granted` without proof:
  CONSENT_UNPROVEN.
* C: when, by the word of the list alone. `address_imported` with `claimed_no_record`: CONSENT_UNPROVEN.
* D: a flag, or nothing but the address. `address_imported` with `claimed_no_record` or `not_claimed`:
  CONSENT_UNPROVEN or IMPORTED_WITHOUT_PROOF.
"""
