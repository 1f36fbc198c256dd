"""Know the named builders and choose the current one."""

from bakepy.builders.builder import Builder, Node
from bakepy.builders.choose import BuilderError, choose

__all__ = ["Builder", "BuilderError", "Node", "choose"]
