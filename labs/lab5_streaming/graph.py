"""A job: operators, how many subtasks each has, and how records get from one to the next. Given.

A job is a value of a few lines::

    Job(
        (Vertex("words", "operators:Rows", 2, {...}), Vertex("count", "my_job:Count", 3)),
        (Edge("words", "count", "key_by"),),
    )

``deploy`` makes a task of each subtask, ``drawn`` shows the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from distlab.core import Address
from labs.lab5_streaming.stream import MAX_PARALLELISM, Incoming, Outgoing, TaskConfig

if TYPE_CHECKING:
    import networkx


class Vertex(Struct, frozen=True):
    """One operator."""

    name: str
    operator: str
    """``module:Class``."""
    parallelism: int = 1
    arguments: dict[str, Any] = {}

    def tasks(self) -> tuple[Address, ...]:
        return tuple(Address(f"{self.name}-{n}") for n in range(self.parallelism))


class Edge(Struct, frozen=True):
    """Records go from one operator to another."""

    source: str
    target: str
    partitioner: str = "forward"
    tag: str = ""


class Job(Struct, frozen=True):
    """A directed graph without cycles; two operators may be joined by more than one edge."""

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]

    def graph(self) -> networkx.MultiDiGraph:
        """The job as a networkx graph. Raises ``ValueError`` where it is none that can run."""
        import networkx  # not needed by a task, and slow to load

        graph: networkx.MultiDiGraph = networkx.MultiDiGraph()
        for vertex in self.vertices:
            if vertex.name in graph:
                raise ValueError(f"two operators are called {vertex.name}")
            if not 1 <= vertex.parallelism <= MAX_PARALLELISM:
                raise ValueError(f"{vertex.name} has {vertex.parallelism} subtasks")
            graph.add_node(vertex.name, parallelism=vertex.parallelism)
        for edge in self.edges:
            if missing := {edge.source, edge.target} - set(graph):
                raise ValueError(f"there is no operator {missing.pop()}")
            ends = [graph.nodes[end]["parallelism"] for end in (edge.source, edge.target)]
            if edge.partitioner == "forward" and ends[0] != ends[1]:
                raise ValueError(f"forward joins equals: {edge.source} and {edge.target} differ")
            graph.add_edge(edge.source, edge.target, partitioner=edge.partitioner, tag=edge.tag)
        if not networkx.is_directed_acyclic_graph(graph):
            raise ValueError("records would go round in circles")
        return graph

    def drawn(self) -> str:
        """The graph as text: each operator after all that feed it, with the edges that leave it."""
        import networkx

        graph, lines = self.graph(), []
        for name in networkx.lexicographical_topological_sort(graph):
            lines.append(f"{name} x{graph.nodes[name]['parallelism']}")
            for _, target, how in graph.out_edges(name, data=True):
                tag = f" ({how['tag']})" if how["tag"] else ""
                lines.append(f"  --{how['partitioner']}{tag}--> {target}")
        return "\n".join(lines)

    def deploy(self, buffers: int = 4) -> dict[Address, TaskConfig]:
        """What each task is told, by its address: ``count-0``, ``count-1``, ..."""
        tasks = {vertex.name: vertex.tasks() for vertex in self.vertices}
        configs = {}
        for vertex in self.vertices:
            for subtask, address in enumerate(vertex.tasks()):
                inputs, outputs = [], []
                for number, edge in enumerate(self.edges):
                    if edge.target == vertex.name:
                        inputs.append(
                            Incoming(number, self._ends(tasks[edge.source], edge, subtask))
                        )
                    if edge.source == vertex.name:
                        targets = self._ends(tasks[edge.target], edge, subtask)
                        outputs.append(Outgoing(number, targets, edge.partitioner, edge.tag))
                configs[address] = TaskConfig(
                    vertex.operator,
                    dict(vertex.arguments),
                    vertex.name,
                    subtask,
                    vertex.parallelism,
                    tuple(inputs),
                    tuple(outputs),
                    buffers,
                )
        return configs

    @staticmethod
    def _ends(tasks: tuple[Address, ...], edge: Edge, subtask: int) -> tuple[Address, ...]:
        """Forward joins subtask i with subtask i alone; everything else joins all with all."""
        return (tasks[subtask],) if edge.partitioner == "forward" else tasks
