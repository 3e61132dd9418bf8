"""Parts 4C to 4E: patterns of eventual consistency."""

from __future__ import annotations

from grading.lab4_transactions.patterns.outbox_part import PART_E1
from grading.lab4_transactions.patterns.saga_part import PART_D
from grading.lab4_transactions.patterns.tcc_part import PART_C
from grading.lab4_transactions.patterns.txmsg_part import PART_E2
from grading.lab4_transactions.patterns.xts_part import PART_E3

PARTS = (PART_C, PART_D, PART_E1, PART_E2, PART_E3)
