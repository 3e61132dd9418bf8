"""Exams of part 2G, by promise; what they ask is in the modules beside this one."""

from __future__ import annotations

from grading.lab2_log.groups.bench import exam
from grading.lab2_log.groups.exams import assignors, coordinators, members

EXAMS = {
    "CG-S1": (exam("everything goes to exactly one", assignors.exactly_once),),
    "CG-S5": (
        exam("Javadoc: range", assignors.javadoc_range),
        exam("Javadoc: round-robin", assignors.javadoc_round_robin),
        exam("Javadoc: sticky", assignors.javadoc_sticky),
        exam("KAFKA-7026", assignors.kafka_7026),
        exam("sticky is balanced", assignors.balanced),
        exam("sticky moves little", assignors.moves_little),
    ),
    "CG-S4": (exam("who owns it lets go first", assignors.lets_go_first),),
    "CG-S1 G2": (
        exam("not before it is in the log", coordinators.not_before_the_log),
        exam("all leave, others come", coordinators.all_gone),
        exam("tools are answered", coordinators.tools),
    ),
    "CG-S2": (exam("a zombie on the bench", coordinators.zombie),),
    "CG-S3 G2": (
        exam("echoes of commits", coordinators.echo),
        exam("not before the log is read", coordinators.not_before_it_is_read),
    ),
    "CG-L1": (
        exam("the leader dies between Join and Sync", coordinators.leader_dies),
        exam("a member does not join again", coordinators.does_not_come),
    ),
    "CG-L2": (
        exam("another coordinator goes on", coordinators.goes_on),
        exam("an echo of a JoinGroup", coordinators.echo_of_a_join),
    ),
    "CG-L4": (
        exam("whoever waits is not silent", coordinators.waits_patiently),
        exam("the answer to a JoinGroup is lost", coordinators.the_answer_is_lost),
    ),
    "CG-S3": (exam("lag", members.lags),),
}
"""By promise; where two pieces have one of the same code, the second names its piece."""
