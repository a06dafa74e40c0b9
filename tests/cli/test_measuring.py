"""What every answer of an evaluation's file depends on."""

from __future__ import annotations

from boldface.cli.measuring import facts
from boldface.engine.heads import Selected
from boldface.engine.model import Model
from boldface.profiles.heads import HeadGains
from boldface.records.store import differing, key_of

GAINS = HeadGains.parse("L0H1, L1H3=0.5")


def test_a_scope_counts_and_the_usual_one_is_not_told(byte_llama):
    """Files from before profiles had a scope go on; gains, strength and another scope make another file."""
    model = Model(*byte_llama)
    usual = facts(model, Selected(GAINS, 2.0), 0)
    assert usual["profile"] == {"heads": 2, "strength": 2.0, "digest": key_of(gains=str(GAINS), strength=2.0)}
    for other in (Selected(GAINS, 2.0, "answer"), Selected(GAINS, 2.5), Selected(GAINS * 0.5, 2.0), None):
        assert differing(usual, facts(model, other, 0)) == ["profile"]
    assert facts(model, None, 0)["profile"] is None
