"""Grading a class: many submissions, each sealed and in a process of its own, on one machine or on many.

Theory of operation. A submission is read once, as data (:mod:`~distlab.grade.classroom.submissions`): nothing of it is
unpacked to disk by its own word. With what is asked for it becomes a :class:`~distlab.grade.classroom.work.Work`, a
value of plain bytes, which any ``concurrent.futures.Executor`` can carry anywhere: so the other machine needs distlab
and the labs, and no file system in common. There :func:`~distlab.grade.classroom.work.carry_out` starts one child,
which lays the files out in a folder of its own, grades, and answers with bytes.

A submission's grade is a function of its files, of the release and of its seed: these make a key, and what has been
graded under the same key need not be graded again. The executor decides only how long it takes.
"""
