"""What takes two people: proposed by one, approved by another, and only then carried out (`two_persons.py`)."""

from carnet_platform.operations.operation import Operation, Proposal, State, Step
from carnet_platform.operations.ports import Changes, Told, Work
from carnet_platform.operations.store import OperationStore
from carnet_platform.operations.two_persons import Operations, Times

__all__ = [
    "Changes",
    "Operation",
    "OperationStore",
    "Operations",
    "Proposal",
    "State",
    "Step",
    "Times",
    "Told",
    "Work",
]
