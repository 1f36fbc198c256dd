"""The reverse session: what the daemon asks of its client."""

from bakepy.buildkit.session.content import Content, Layout
from bakepy.buildkit.session.filesend import DirTarget, FileSend, FileSink, OpenSink, PipeSink, Sink
from bakepy.buildkit.session.filesync import FileSync, LocalDir
from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError, Service
from bakepy.buildkit.session.server import Session, SessionError, Tunnel

__all__ = [
    "Call",
    "Code",
    "Content",
    "DirTarget",
    "FileSend",
    "FileSink",
    "FileSync",
    "Handler",
    "Layout",
    "LocalDir",
    "OpenSink",
    "PipeSink",
    "RpcError",
    "Service",
    "Session",
    "SessionError",
    "Sink",
    "Tunnel",
]
