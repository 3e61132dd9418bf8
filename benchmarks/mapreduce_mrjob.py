"""Word count and inverted index for mrjob, which wants a program of its own: bytes stay bytes, mappers combine."""

import os
from collections import Counter
from pathlib import Path

from mrjob.job import MRJob
from mrjob.protocol import BytesProtocol, BytesValueProtocol


class WordJob(MRJob):
    """How often does each word occur, or in which documents?"""

    INPUT_PROTOCOL = BytesValueProtocol
    INTERNAL_PROTOCOL = OUTPUT_PROTOCOL = BytesProtocol

    def configure_args(self):
        super().configure_args()
        self.add_passthru_arg("--what", choices=("words", "index"), default="words")

    def mapper_init(self):
        self.counts = Counter()

    def mapper(self, _, line):
        self.counts.update(line.split())

    def mapper_final(self):
        path = os.environ["mapreduce_map_input_file"]  # noqa: SIM112 - mrjob's name for it
        document = f"input/{Path(path).name}".encode()
        for word, count in self.counts.items():
            yield word, b"%d" % count if self.options.what == "words" else document

    def reducer(self, word, values):
        if self.options.what == "words":
            yield word, b"%d" % sum(map(int, values))
        else:
            yield word, b",".join(sorted(set(values)))


if __name__ == "__main__":
    WordJob.run()
