"""For people who test steering on models of their own: tiny models, sample batches and the laws every route must pass.

``python -m boldface.testing docs/matrix.md`` writes the route x architecture matrix that the laws find.
"""

from boldface.testing.laws import (
    TOLERANCE,
    LawBroken,
    check_decode,
    check_detach,
    check_generate,
    check_isolation,
    check_null,
    check_oracle,
    check_prefix,
    check_route,
    check_scope,
    check_window,
)
from boldface.testing.models import ARCHITECTURES, tiny
from boldface.testing.mutants import MUTANTS, RULE_MUTANTS, TARGET_MUTANTS
from boldface.testing.rules import check_masses, check_published, check_target
from boldface.testing.sample import Sample, sample

__all__ = [
    "ARCHITECTURES",
    "MUTANTS",
    "RULE_MUTANTS",
    "TARGET_MUTANTS",
    "TOLERANCE",
    "LawBroken",
    "Sample",
    "check_decode",
    "check_detach",
    "check_generate",
    "check_isolation",
    "check_masses",
    "check_null",
    "check_oracle",
    "check_prefix",
    "check_published",
    "check_route",
    "check_scope",
    "check_target",
    "check_window",
    "sample",
    "tiny",
]
