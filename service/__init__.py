"""The consent ledger: may I send category X to address Y now? An answer that others can check.

Promises, each a test: a no is final until the person says yes again; unknown means no; every answer
can be re-derived offline; nothing acknowledged is ever lost or changed.
"""
