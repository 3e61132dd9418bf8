"""The one who starts the processes, keeps the plan's time, and cleans up: a thread of its own, with a loop.

Rule: everything here runs in that thread, but for what :class:`~distlab.live.run.Live` posts to it and waits for. The
thread is also the parent of every child, and lives as long as any of them (see :mod:`distlab.live.lifeline`).

Theory of operation. A seat is a member's place; incarnations come and go in it. A new one is started, reports where
it can be reached, is made known to everybody, and only then told to begin, so that nobody hears of a node from itself
first. When a channel ends, the incarnation is gone with all it had started, and everybody is told that.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from distlab.core.cluster import Cluster
from distlab.core.errors import HarnessBug
from distlab.core.values import Fail, Info, Outcome
from distlab.faults import Action, Plan
from distlab.live import control as say
from distlab.live.briefing import Briefing
from distlab.live.children import Child
from distlab.live.injector import Injector
from distlab.live.looks import PROXY, Looks, Roles
from distlab.live.portable import from_json, to_plain
from distlab.live.recorder import Recorder
from distlab.live.seat import Failure, Seat
from distlab.trace import Kind


class Supervisor:
    """The loop and what it looks after."""

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        recorder: Recorder,
        briefing: Briefing,
        errors: Path,
        lifeline: int,
        roles: Roles | None,
    ) -> None:
        self.cluster = cluster
        self.seats = {
            address: Seat(address, member, number)
            for number, (address, member) in enumerate(cluster.members.items())
        }
        self.injector = Injector(self, plan)
        self.turns = 0
        """Rises whenever something that others may wait for has happened."""
        self._turned = Condition()
        self.failures: list[Failure] = []
        self.outcomes: dict[int, Outcome] = {}
        self.proxy: Child | None = None
        self.proxy_endpoint = ""
        self.proxy_figures = say.Figures()
        self.has_begun = False
        self.bug: BaseException | None = None
        """What ended the loop, if anything did."""
        self._recorder = recorder
        self.briefing = briefing
        self._errors = errors
        self._lifeline = lifeline
        self._processes = 1  # 0 is the supervisor itself
        self._asked: dict[int, tuple[Seat, int]] = {}
        """Ticket -> who was asked, and which incarnation, while there is no outcome."""
        self.looks = Looks(self, roles)
        self._alarms: list[tuple[int, int, Callable[[], object]]] = []
        self._number = 0
        self._posted: deque[Callable[[], object]] = deque()
        self._is_over = False
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    # -- from other threads ---------------------------------------------------------------------------------------

    def post(self, action: Callable[[], object]) -> None:
        """Have it done in the supervisor's thread."""
        self._posted.append(action)
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake, b"!")

    def wait_for_turn(self, turns: int, seconds: float) -> None:
        """Return when something has happened since ``turns`` was read, or so much later."""
        with self._turned:
            self._turned.wait_for(lambda: self.turns != turns, seconds)

    def end(self) -> None:
        """Kill everything, and return when all is gone."""
        for child in self._children():
            child.kill()  # at once, whatever the thread is doing
        self._is_over = True
        self.post(lambda: None)
        self._thread.join()
        self._selector.close()
        os.close(self._woken)
        os.close(self._wake)

    # -- the loop -------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        try:
            while not self._is_over:
                self._turn(self._patience())
        except BaseException as error:
            self.bug = error
        finally:
            self._clean_up()
            self._tell_turn()

    def _tell_turn(self) -> None:
        with self._turned:
            self.turns += 1
            self._turned.notify_all()

    def _patience(self) -> float | None:
        if self._posted:
            return 0
        return None if not self._alarms else max(0, self._alarms[0][0] - self._recorder.now()) / 1e6

    def _turn(self, patience: float | None) -> None:
        for key, _ in self._selector.select(patience):
            if key.fileobj == self._woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            else:
                self._hear(*key.data)
        while self._posted:
            self._posted.popleft()()
        while self._alarms and self._alarms[0][0] <= self._recorder.now():
            heappop(self._alarms)[2]()
        for child in self._children():
            if child.channel.has_more_to_say:
                child.channel.flush()
                self.after(1000, lambda: None)  # look again soon: a stopped process does not listen
        self._tell_turn()

    def _clean_up(self) -> None:
        for child in self._children():
            child.kill()
        for child in self._children():
            with contextlib.suppress(OSError, ValueError):
                self._selector.unregister(child.channel)
            child.bury()

    def _children(self) -> list[Child]:
        nodes = [c for seat in self.seats.values() for c in (seat.child, *seat.old.values())]
        return [child for child in (*nodes, self.proxy) if child is not None]

    def at(self, time: int, action: Callable[[], object]) -> None:
        """Do it so many microseconds after the run began."""
        self._number += 1
        heappush(self._alarms, (time, self._number, action))

    def after(self, duration: int, action: Callable[[], object]) -> None:
        """Do it so much later."""
        self.at(self._recorder.now() + duration, action)

    # -- beginnings -----------------------------------------------------------------------------------------------

    def start_proxy(self) -> None:
        """Start the fault proxy; ``proxy_endpoint`` is set when it is there."""
        self.proxy = self._new_child(None)
        self.proxy.say(self.briefing.proxy(self._next_process()))

    def start(self, seat: Seat) -> None:
        """Start a new incarnation, unless one is there; where one is about to go, as soon as it has gone."""
        seat.is_wanted = seat.child is not None and seat.child.is_killed
        if seat.child is not None or seat.has_failed or self._is_over:
            return
        seat.incarnation += 1
        seat.child = self._new_child(seat)
        watched = self.injector.watched()
        process = self._next_process()
        seat.child.say(self.briefing.node(seat, process, self.proxy_endpoint, watched))

    def start_twin(self, seat: Seat, duration: int) -> None:
        """Start a second incarnation beside the first, which lives on for ``duration`` once the second is up."""
        if seat.child is None or not seat.is_up:
            return
        number, first = seat.incarnation, seat.child
        seat.old[number] = first
        seat.child, seat.is_up = None, False
        end = partial(self._kill, seat, number, first, "fault: its twin stays")
        seat.overlap = lambda: self.after(duration, end)
        self.start(seat)

    def _new_child(self, seat: Seat | None) -> Child:
        child = Child(self._errors, self._lifeline)
        self._selector.register(child.channel, selectors.EVENT_READ, (seat, child))
        return child

    def _next_process(self) -> int:
        self._processes += 1
        return self._processes - 1

    def _ready(self, seat: Seat, endpoint: str) -> None:
        """A new incarnation has its sockets."""
        seat.endpoint = endpoint
        if self.has_begun:
            self._begin([seat])
        elif all(s.endpoint for s in self.seats.values()):
            self.has_begun = True
            self._recorder.epoch = time.monotonic_ns()
            if self.proxy is not None:
                self.proxy.say(say.Begin(self._recorder.epoch))
            self._begin(list(self.seats.values()))
            self._alarms.clear()
            self.injector.begin()

    def _begin(self, seats: list[Seat]) -> None:
        """Make them known to everybody, and everybody to them; then let them begin."""
        for seat in seats:
            seat.is_up = True
        up = [seat for seat in self.seats.values() if seat.is_up]
        for seat in up:
            for other in up if seat in seats else seats:
                self._say(seat, say.PeerUp(other.address, other.incarnation, other.endpoint))
        for seat in seats:
            self.say_to_proxy(say.PeerUp(seat.address, seat.incarnation, seat.endpoint))
            for older in seat.old.values():
                older.say(say.PeerUp(seat.address, seat.incarnation, seat.endpoint))
        for seat in seats:
            self._say(seat, say.Begin(self._recorder.epoch))
            for action in seat.standing:
                self._say(seat, say.Suffer(action))
            seat.overlap()
            seat.overlap = lambda: None

    # -- ends -----------------------------------------------------------------------------------------------------

    def kill(self, seat: Seat, why: str) -> bool:
        """``kill -9`` to all that runs of the node; False if nothing does."""
        running = dict(seat.old)
        if seat.child is not None:
            running[seat.incarnation] = seat.child
        killed = [self._kill(seat, number, child, why) for number, child in running.items()]
        return any(killed)

    def _kill(self, seat: Seat, incarnation: int, child: Child, why: str) -> bool:
        if child.is_killed or child.channel.is_over:
            return False
        self._note(Kind.CRASH, why, seat.address, incarnation)
        child.kill()
        return True

    def restart(self, seat: Seat, crashed: int) -> None:
        """Start the node after a crash, unless it has been started since."""
        if seat.incarnation == crashed:
            self.start(seat)

    def pause(self, seat: Seat, duration: int) -> None:
        """SIGSTOP, and SIGCONT after ``duration``."""
        child = seat.child
        if child is not None:
            child.paused_until = max(child.paused_until, self._recorder.now() + duration)
            child.pause()
            self.at(child.paused_until, lambda: self._wake_up(child))

    def _wake_up(self, child: Child) -> None:
        if child.is_paused and child.paused_until <= self._recorder.now():
            child.resume()

    def _gone(self, seat: Seat | None, child: Child) -> None:
        """A child and all it had started is no more."""
        self._selector.unregister(child.channel)
        code = child.bury()
        if seat is None:
            self.proxy = None
            raise HarnessBug(f"the fault proxy ended with code {code}:\n{self._last_errors()}")
        if child is seat.child:
            incarnation = seat.incarnation
            seat.child, seat.is_up = None, False
        else:
            incarnation = next(number for number, old in seat.old.items() if old is child)
            del seat.old[incarnation]
        if not child.is_killed:
            self._ended_by_itself(seat, incarnation, child.ended, code)
        self.say_to_nodes(say.PeerDown(seat.address, incarnation))
        self.say_to_proxy(say.PeerDown(seat.address, incarnation))
        for ticket in [
            t
            for t, (asked, number) in self._asked.items()
            if (asked, number) == (seat, incarnation)
        ]:
            del self._asked[ticket]
            self.outcomes[ticket] = Info("the client ended before it had finished")
        if seat.is_wanted:
            self.start(seat)

    def _ended_by_itself(
        self, seat: Seat, incarnation: int, ended: say.Ended | None, code: int
    ) -> None:
        if ended is None:
            reason = f"its process ended with {f'signal {-code}' if code < 0 else f'code {code}'}"
            ended = say.Ended(reason, f"{reason}\n{self._last_errors()}")
        if ended.report:
            seat.has_failed = True
            self._note(Kind.CRASH, ended.report, seat.address, incarnation)
            self.failures.append(
                Failure(seat.address, incarnation, ended.reason, ended.report, ended.error)
            )

    def _last_errors(self) -> str:
        return "\n".join(self._errors.read_text(errors="replace").splitlines()[-20:])

    # -- words ----------------------------------------------------------------------------------------------------

    def _hear(self, seat: Seat | None, child: Child) -> None:
        child.channel.receive()
        for word in child.channel.words():
            if seat is None:
                self._hear_proxy(word)
            else:
                self._hear_node(seat, child, word)
        if child.channel.is_over:
            self._gone(seat, child)

    def _hear_proxy(self, word: Any) -> None:
        match word:
            case say.Ready(endpoint):
                self.proxy_endpoint = endpoint
            case say.Looked(number, _, figures):
                self.proxy_figures = figures
                self.looks.answered(number, PROXY)

    def _hear_node(self, seat: Seat, child: Child, word: Any) -> None:
        match word:
            case say.Ready(endpoint):
                self._ready(seat, endpoint)
            case say.About() if not child.is_killed:  # else it never came to do it
                self.injector.about(seat, child, word)
            case say.Returned(ticket, outcome):
                self._asked.pop(ticket, None)
                self.outcomes[ticket] = from_json(outcome)
            case say.Looked(number, probe, figures) if child is seat.child:
                seat.figures = figures
                self.looks.answered(number, seat.address, from_json(probe))
            case say.Ended():
                child.ended = word

    def ask(self, seat: Seat, word: say.Ask) -> None:
        """Ask a client to do something."""
        if seat.child is None or not seat.is_up:
            self.outcomes[word.ticket] = Fail("the client was down")
        else:
            self._asked[word.ticket] = (seat, seat.incarnation)
            seat.child.say(word)

    def say_to_nodes(self, word: say.Word) -> None:
        """To every incarnation that has begun."""
        for seat in self.seats.values():
            if seat.is_up:
                self._say(seat, word)
            for child in seat.old.values():
                child.say(word)

    def say_to_proxy(self, word: say.Word) -> None:
        if self.proxy is not None:
            self.proxy.say(word)

    def _say(self, seat: Seat, word: say.Word) -> None:
        if seat.child is not None:
            seat.child.say(word)

    # -- the books ------------------------------------------------------------------------------------------------

    def struck(self, action: Action, node: str) -> None:
        """A fault was applied."""
        self._note(Kind.FAULT, action, node, 0)

    def healed(self) -> None:
        self._note(Kind.HEAL, None, "", 0)

    def _note(self, kind: str, what: Any, node: str, incarnation: int) -> None:
        self._recorder.note_plain(kind, to_plain(what), 0, "", node, incarnation)
