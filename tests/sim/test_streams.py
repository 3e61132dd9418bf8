"""Random streams: named, stable, apart."""

from distlab.sim import stream


def test_a_stream_is_the_same_on_every_machine() -> None:
    assert stream(7, "link", "a", "b").random() == 0.014942035479706517


def test_streams_of_other_names_or_seeds_are_others() -> None:
    first = {
        stream(seed, *names).random()
        for seed in (0, 1, 2**40)
        for names in (("link", "a", "b"), ("link", "b", "a"), ("disk", "a"), ())
    }
    assert len(first) == 12
