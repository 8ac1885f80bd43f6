"""What is held of a person: gathered, put into words, and in the terms of ISO/IEC TS 27560."""
