"""The client: calls, their results and their streams. Standard library only.

from harpcaller.client import Dispatcher

job = Dispatcher("127.0.0.1:3502").call("localhost", "count", [5])
for packet in job.follow():
    print(packet.number, packet.data)
print(job.result())
"""

from harpcaller.client.dispatcher import Dispatcher
from harpcaller.client.errors import (
    CallError,
    Cancelled,
    ClientError,
    NoDispatcher,
    NoSuchJob,
    NotFinished,
    RemoteException,
    RequestRefused,
    Unreachable,
)
from harpcaller.client.follower import Follower
from harpcaller.client.job import Job
from harpcaller.client.replies import Packet, Page

__all__ = [
    "CallError",
    "Cancelled",
    "ClientError",
    "Dispatcher",
    "Follower",
    "Job",
    "NoDispatcher",
    "NoSuchJob",
    "NotFinished",
    "Packet",
    "Page",
    "RemoteException",
    "RequestRefused",
    "Unreachable",
]
