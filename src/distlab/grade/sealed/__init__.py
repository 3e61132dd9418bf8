"""The sealed seam: simulator, judges and score stay in one process, the student's handlers run in another.

Theory of operation. The *outside* is the grading process. It never imports a line of the submission: in its place
stand *stand-ins* (:mod:`~distlab.grade.sealed.standins`): node classes whose handlers forward their event to the
*inside*, modules whose functions call through, frozen Structs that mirror the student's own messages, timers and jobs.
The simulator, the judges and a lab's stage take them for the real thing. The inside
(:mod:`~distlab.grade.sealed.inside`) is a process that loads the solution, hosts its nodes, and knows no world: what a
node does there becomes *effects*, which travel back in order and are carried out by the stand-in through its own
context, and *questions*, which are answered in mid-handler.

The two talk over one socket, strictly in turn. A request goes in; there come back any number of questions, each
answered before the next, and at last an outcome. Each of these carries the effects that came before it. While a
question is being answered, the outside may have a request of its own (a crash closes a job in mid-handler): it goes in
as any other, and is served before the answer.

The rules.

1. Whatever comes from the inside is validated before it is used. What no honest inside would say is the submission's
   problem (:class:`~distlab.grade.sealed.errors.IsolationBroken`), and the inside is killed. It is never ours.
2. The outside decides time, order, chance and verdicts. A stand-in acts for the node whose handler runs and for no
   other. A node's ``random`` continues inside from the state that its stream has outside.
3. A run is the same as in one process: same events, same digest, same exceptions with the same lines.
4. What the inside burns is measured from outside. A program that does not return is asked where it stands, and killed.

Not supported yet: functions as arguments of what an exam calls; operators of objects that stay inside (their methods
and attributes are); attributes of a module that change after its import; given files of other labs; the state of nodes
in a replay. Those need the outside's word for them, and none of today's labs does.

Only values cross: numbers, text, bytes, containers, Structs and enumerations of given modules, the student's own
Structs by their description. Never pickle. (:mod:`distlab.grade.sealed.spawn` is where a sandbox goes.)
"""
