"""What convinces those who do not trust us: bundles, the public log, what others attested."""
