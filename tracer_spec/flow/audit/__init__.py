"""What a policy does, and to whom: ``audit.json``, from fit rows alone, out of fold.

One file per question. :func:`~tracer_spec.flow.audit.document.audit` asks them all.
"""
