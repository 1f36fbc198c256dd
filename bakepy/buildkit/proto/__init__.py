"""BuildKit's messages as far as we use them; `make proto` writes the modules from the .proto files beside them.

Names and numbers are BuildKit's. The packages carry the prefix `bakepy.`, since the names of messages never reach the
wire and a process may hold another library's descriptors of the real names. Fields that are not declared survive a
round trip, which definitions and results rely on.
"""
