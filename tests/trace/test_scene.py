"""What of a long run is shown: gaps never hide what would have fitted in their place."""

from hypothesis import given
from hypothesis import strategies as st

from distlab.trace.scene import _without_small_gaps


@given(st.integers(0, 12), st.data())
def test_what_stands_alone_between_two_is_shown_too(total: int, data: st.DataObject) -> None:
    kept = sorted(data.draw(st.sets(st.integers(0, total - 1)))) if total else []
    known = {-1, *kept, total}
    assert _without_small_gaps(kept, total) == [
        i for i in range(total) if i in known or {i - 1, i + 1} <= known
    ]
