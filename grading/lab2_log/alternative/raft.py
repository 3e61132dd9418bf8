"""A second server of the quorum, in one class: what it must remember is a notebook, what it is doing is an office.

Where the reference has one file of records, this one has three (ballot, entries, snapshot); where the reference sends
each entry at once and does not wait, this one has one message under way to each follower, with all that has gathered
meanwhile; a follower that disagrees names its commit index, below which it agrees with every leader; a leader keeps
the times of answers in place of a timer; and reads go in groups, one round after the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from distlab.core import Address, Node, Timer
from labs.lab2_log.journal import Journal  # type: ignore[import-not-found]
from labs.lab2_log.quorum import (
    AddServer,
    Answered,
    AppendEntries,
    AppendReply,
    Command,
    Entry,
    Get,
    InstallSnapshot,
    NotLeader,
    PreVote,
    PreVoteReply,
    RemoveServer,
    Reply,
    Request,
    RequestVote,
    Role,
    ServerConfig,
    State,
    Status,
    VoteReply,
)
from labs.lab2_log.store import execute


class Patience(Timer, frozen=True):
    """It is over."""


class Pulse(Timer, frozen=True):
    """The leader looks round: who is silent, and who hears something."""


class Following(Struct):
    leader: Address | None = None
    heard: int = -(10**12)
    """When; long before any start if never."""


class Standing(Struct):
    """Asks for support: for pre-votes in the term to come, then for votes in its own."""

    is_real: bool
    support: list[Address]


class Peer(Struct):
    """A follower, as its leader sees it."""

    next: int
    match: int
    answered: int
    """When it last did."""
    round: int = 0
    is_busy: bool = False
    """A message is under way to it."""


class Leading(Struct):
    peers: dict[Address, Peer]
    no_op: int
    round: int = 0
    clients: dict[tuple[str, int], Address] = {}
    """Who asked for what is in the log."""
    asking: list[tuple[Address, Command, int]] = []
    """Reads whose round is under way, with what must be executed first."""
    gathered: list[tuple[Address, Command, int]] = []
    """Reads that came since: the next round is theirs."""
    changes: list[tuple[Address, Command]] = []
    """Wishes for another server or one less: each waits until the one before is settled."""


Office = Following | Standing | Leading


class Raft(Node):
    config: ServerConfig
    journal: Journal
    office: Office
    machine: State
    commit: int
    applied: int

    def on_start(self) -> None:
        self.journal = Journal()
        self.journal.read(self.disk)
        self.machine = self.journal.state()
        self.commit = self.applied = self.journal.base
        self.office = Following()
        self.wait()

    # -- what all do --------------------------------------------------------------------------------------------------

    def members(self, upto: int | None = None) -> tuple[Address, ...]:
        """Who the servers are: by all that is in the log, or as of an entry."""
        own = self.journal
        return own.members(own.last_index if upto is None else upto) or self.config.members

    def others(self) -> list[Address]:
        return [one for one in self.members() if one != self.address]

    def wait(self) -> None:
        least, most = self.config.election
        self.set_timer(Patience(), least + int(self.random.random() * (most - least)))

    def follow(self, leader: Address | None = None) -> None:
        """From now on a follower. Whoever waits for a leader's answer asks elsewhere."""
        before, self.office = self.office, Following(leader)
        if isinstance(before, Leading):
            self.cancel_timer(Pulse())
            for (session, seq), client in before.clients.items():
                self.send(client, NotLeader(session, seq, leader))
            for client, command, _ in (*before.asking, *before.gathered):
                self.send(client, NotLeader(command.session, command.seq, leader))
            for client, command in before.changes:
                self.send(client, NotLeader(command.session, command.seq, leader))
        self.wait()

    def hears_of(self, term: int) -> None:
        if term > self.journal.term:
            self.journal.vote(self.disk, term, None)
            self.follow()

    def is_as_new(self, last_term: int, last_index: int) -> bool:
        own = self.journal
        return last_term > own.last_term or (
            last_term == own.last_term and last_index >= own.last_index
        )

    def enough(self, who: Iterable[Address]) -> bool:
        """Whether these and ourselves are a majority of the servers, as far as we and they belong to them."""
        everybody = self.members()
        return 2 * len({self.address, *who}.intersection(everybody)) > len(everybody)

    # -- elections ----------------------------------------------------------------------------------------------------

    def on_patience(self, timer: Patience) -> None:
        if self.address not in {*self.members(), *self.members(self.commit)}:
            self.wait()  # we are none of them, as far as anybody knows
            return
        self.office = Standing(is_real=False, support=[self.address])
        self.wait()
        self.seek()

    def seek(self) -> None:
        """Ask all the others for what we need next."""
        assert isinstance(self.office, Standing)
        own = self.journal
        for other in self.others():
            if self.office.is_real:
                self.send(other, RequestVote(own.term, own.last_index, own.last_term))
            else:
                self.send(other, PreVote(own.term + 1, own.last_index, own.last_term))
        self.supported(self.address)

    def supported(self, by: Address) -> None:
        assert isinstance(self.office, Standing)
        if by not in self.office.support:
            self.office.support.append(by)
        if not self.enough(self.office.support):
            return
        if self.office.is_real:
            self.lead()
        else:
            self.journal.vote(self.disk, self.journal.term + 1, self.address)
            self.office = Standing(is_real=True, support=[self.address])
            self.wait()
            self.seek()

    def on_pre_vote(self, ask: PreVote, sender: Address) -> None:
        match self.office:
            case Leading():
                is_led = True
            case Following(leader, heard):
                is_led = leader is not None and self.monotonic() < heard + self.config.election[0]
            case _:
                is_led = False
        is_later = ask.term > self.journal.term
        yes = is_later and not is_led and self.is_as_new(ask.last_term, ask.last_index)
        self.send(sender, PreVoteReply(self.journal.term, ask.term, yes))

    def on_pre_vote_reply(self, reply: PreVoteReply, sender: Address) -> None:
        self.hears_of(reply.term)
        match self.office:
            case Standing(is_real=False):
                if reply.granted and reply.asked == self.journal.term + 1:
                    self.supported(sender)

    def on_request_vote(self, ask: RequestVote, sender: Address) -> None:
        self.hears_of(ask.term)
        own = self.journal
        yes = False
        if ask.term == own.term and self.is_as_new(ask.last_term, ask.last_index):
            if own.voted is None:
                own.vote(self.disk, own.term, sender)
                self.wait()
            yes = own.voted == sender
        self.send(sender, VoteReply(own.term, yes))

    def on_vote_reply(self, reply: VoteReply, sender: Address) -> None:
        self.hears_of(reply.term)
        match self.office:
            case Standing(is_real=True):
                if reply.granted and reply.term == self.journal.term:
                    self.supported(sender)

    # -- leading ------------------------------------------------------------------------------------------------------

    def lead(self) -> None:
        own, now = self.journal, self.monotonic()
        self.cancel_timer(Patience())
        peers = {other: Peer(own.last_index + 1, 0, now) for other in self.others()}
        self.office = Leading(peers, own.last_index + 1)
        self.add(Entry(own.term))
        self.on_pulse(Pulse())

    def add(self, entry: Entry) -> None:
        assert isinstance(self.office, Leading)
        self.journal.add(self.disk, [entry])
        for one in self.others():
            if one not in self.office.peers:
                self.office.peers[one] = Peer(self.journal.last_index, 0, self.monotonic())
        for peer in self.office.peers:
            self.tell(peer)
        self.count()

    def on_pulse(self, timer: Pulse) -> None:
        """Be heard; and step down if a majority has been silent for an election time-out."""
        assert isinstance(self.office, Leading)
        since = self.monotonic() - self.config.election[1]
        heard = [name for name, peer in self.office.peers.items() if peer.answered >= since]
        if not self.enough(heard):
            self.follow()
            return
        for name, peer in self.office.peers.items():
            peer.is_busy = False
            self.tell(name, anyway=True)
        self.set_timer(Pulse(), self.config.heartbeat)

    def tell(self, name: Address, *, anyway: bool = False) -> None:
        """Send a follower what it lacks, unless something is under way to it."""
        assert isinstance(self.office, Leading)
        peer, own = self.office.peers[name], self.journal
        if peer.is_busy or (peer.next > own.last_index and not anyway):
            return
        peer.is_busy = True
        if peer.next <= own.base:
            state, who = own.state(), own.members(own.base)
            self.send(
                name,
                InstallSnapshot(own.term, own.base, own.base_term, state, self.office.round, who),
            )
            return
        prev = peer.next - 1
        some = tuple(
            own.entry(i) for i in range(peer.next, own.last_index + 1)[: self.config.batch]
        )
        self.send(
            name,
            AppendEntries(own.term, prev, own.term_of(prev), some, self.commit, self.office.round),
        )

    def on_append_reply(self, reply: AppendReply, sender: Address) -> None:
        self.hears_of(reply.term)
        match self.office:
            case Leading(peers) if reply.term == self.journal.term and sender in peers:
                peer = peers[sender]
                peer.answered = self.monotonic()
                peer.is_busy = False
                peer.round = max(peer.round, reply.round)
                if reply.success:
                    peer.match = max(peer.match, reply.match)
                    peer.next = peer.match + 1
                    self.count()
                else:
                    peer.next = max(peer.match, min(reply.match, peer.next - 2)) + 1
                if isinstance(self.office, Leading):
                    if sender in peers:
                        self.tell(sender)
                    self.look_at_reads()

    def count(self) -> None:
        """The last entry of our own term that enough servers have is committed."""
        assert isinstance(self.office, Leading)
        own = self.journal
        for index in range(own.last_index, self.commit, -1):
            if own.term_of(index) != own.term:
                return
            if self.enough(n for n, peer in self.office.peers.items() if peer.match >= index):
                self.execute_to(index)
                return

    # -- following ----------------------------------------------------------------------------------------------------

    def is_led_by(self, term: int, sender: Address) -> bool:
        self.hears_of(term)
        if term < self.journal.term:
            return False
        if not isinstance(self.office, Following) or self.office.leader != sender:
            self.follow(sender)
        assert isinstance(self.office, Following)
        self.office.heard = self.monotonic()
        self.wait()
        return True

    def on_append_entries(self, told: AppendEntries, sender: Address) -> None:
        own = self.journal
        is_good = self.is_led_by(told.term, sender) and (
            told.prev_index < own.base
            or (
                told.prev_index <= own.last_index and own.term_of(told.prev_index) == told.prev_term
            )
        )
        if not is_good:
            self.send(sender, AppendReply(own.term, False, self.commit, told.round))
            return
        new = list(enumerate(told.entries, told.prev_index + 1))
        while new and (new[0][0] <= own.base or own.holds(*new[0])):
            new.pop(0)
        if new:
            own.put(self.disk, new[0][0], [entry for _, entry in new])
        upto = told.prev_index + len(told.entries)
        self.execute_to(min(told.commit, upto))
        self.send(sender, AppendReply(own.term, True, upto, told.round))

    def on_install_snapshot(self, told: InstallSnapshot, sender: Address) -> None:
        own = self.journal
        if not self.is_led_by(told.term, sender):
            self.send(sender, AppendReply(own.term, False, self.commit, told.round))
            return
        if told.last_index > self.applied:
            own.snapshot(self.disk, told.last_index, told.last_term, told.state, told.members)
            self.machine = own.state()
            self.commit = self.applied = told.last_index
        self.send(sender, AppendReply(own.term, True, told.last_index, told.round))

    # -- executing ----------------------------------------------------------------------------------------------------

    def execute_to(self, index: int) -> None:
        self.commit = max(self.commit, index)
        while self.applied < self.commit:
            self.applied += 1
            self.execute(self.journal.entry(self.applied).command)
        limit = self.config.snapshot_after
        if limit is not None and self.applied - self.journal.base > limit:
            own, at = self.journal, self.applied
            own.snapshot(self.disk, at, own.term_of(at), self.machine, own.members(at))
        self.look_at_reads()
        self.look_at_changes()

    def execute(self, command: Command | None) -> None:
        if command is None:
            return
        last = self.machine.sessions.get(command.session, Answered(0, None))
        if last.seq < command.seq:
            last = Answered(command.seq, execute(self.machine.items, command.operation))
            self.machine.sessions[command.session] = last
        if isinstance(self.office, Leading):
            client = self.office.clients.pop((command.session, command.seq), None)
            if client is not None:
                self.send(client, Reply(command.session, command.seq, last.result))

    # -- clients ------------------------------------------------------------------------------------------------------

    def on_request(self, request: Request, client: Address) -> None:
        command = request.command
        name = (command.session, command.seq)
        match self.office:
            case Leading() as office:
                done = self.machine.sessions.get(command.session)
                if done is not None and done.seq >= command.seq:
                    self.send(client, Reply(*name, done.result))
                elif isinstance(command.operation, Get):
                    index = max(self.commit, office.no_op)
                    office.gathered.append((client, command, index))
                    self.look_at_reads()
                elif isinstance(command.operation, AddServer | RemoveServer):
                    if name not in office.clients and (client, command) not in office.changes:
                        office.changes.append((client, command))
                        self.look_at_changes()
                elif name not in office.clients:
                    office.clients[name] = client
                    self.add(Entry(self.journal.term, command))
            case Following(leader):
                self.send(client, NotLeader(*name, leader))
            case _:
                self.send(client, NotLeader(*name, None))

    def look_at_changes(self) -> None:
        """If all changes so far are committed, and an entry of our own: let go who is gone, and begin the next one."""
        office, own = self.office, self.journal
        if not isinstance(office, Leading) or self.commit < max(office.no_op, own.rosters[-1][0]):
            return
        now = self.members()
        for gone in office.peers.keys() - {*now}:
            del office.peers[gone]
        if self.address not in now:
            self.follow()
        elif office.changes:
            client, command = office.changes.pop(0)
            change = command.operation
            assert isinstance(change, AddServer | RemoveServer)
            then = [one for one in now if one != change.server]
            if isinstance(change, AddServer):
                then.append(change.server)
            office.clients[command.session, command.seq] = client
            changed = tuple(then) if then and {*then} != {*now} else None
            self.add(Entry(own.term, command, changed))

    def look_at_reads(self) -> None:
        """Answer the round that is complete, and begin the next one if there is anybody to ask for."""
        office = self.office
        if not isinstance(office, Leading):
            return
        while True:
            asked = [name for name, peer in office.peers.items() if peer.round >= office.round]
            if office.asking:
                if not self.enough(asked) or any(i > self.applied for _, _, i in office.asking):
                    return
                for client, command, _ in office.asking:
                    assert isinstance(command.operation, Get)
                    value = self.machine.items.get(command.operation.key)
                    self.send(client, Reply(command.session, command.seq, value))
            office.asking, office.gathered = office.gathered, []
            if not office.asking:
                return
            office.round += 1
            for name, peer in office.peers.items():
                peer.is_busy = False
                self.tell(name, anyway=True)

    def probe(self) -> Status:
        own = self.journal
        role: Role = "candidate"
        leader: Address | None = None
        match self.office:
            case Leading():
                role, leader = "leader", self.address
            case Following():
                role, leader = "follower", self.office.leader
        return Status(
            role, own.term, leader, self.commit, self.applied, len(own.log), own.last_index,
            own.last_term, self.machine, self.members(),
        )  # fmt: skip
