from pathlib import Path

from boldface.testing.matrix import matrix

PAGE = Path(__file__).parents[2] / "docs" / "matrix.md"


def test_documented_matrix_is_what_the_laws_find():
    """docs/matrix.md is what `python -m boldface.testing docs/matrix.md` writes."""
    assert PAGE.read_text(encoding="utf-8") == matrix()
