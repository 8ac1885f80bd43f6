"""Worked cases: facts become events, through the same validation as everybody's; the answer is compared.

A case is one entry of a YAML list in the schema of the shipped `scenarios.yaml` (value sets: LAW.md 4.7).
Dates are calendar days, taken at midnight UTC; facts are events of that moment, in the order of the file. A
fact without an address concerns every address of the case known so far. Beyond that schema, a fact may say
when it was `recorded` (default: when it happened) and a question what was `known_at` a time. The runner knows
the ledger by a port of three calls, so the same cases run against a fold in memory and the real thing.
"""

from service.ledger.scenarios.memory import MemoryLedger
from service.ledger.scenarios.preparing import PreparedCase, Setup, case_name, prepare
from service.ledger.scenarios.reading import CASES_BYTES_MAX, ScenarioError, read_cases
from service.ledger.scenarios.running import (
    CaseRefusal,
    CaseResult,
    ScenarioLedger,
    run_case,
    run_cases,
    try_case,
)
from service.ledger.scenarios.trial import TrialLedger

__all__ = [
    "CASES_BYTES_MAX",
    "CaseRefusal",
    "CaseResult",
    "MemoryLedger",
    "PreparedCase",
    "ScenarioError",
    "ScenarioLedger",
    "Setup",
    "TrialLedger",
    "case_name",
    "prepare",
    "read_cases",
    "run_case",
    "run_cases",
    "try_case",
]
