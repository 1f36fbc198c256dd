"""Go's words for booleans (`strconv.ParseBool`), which flags, variables and attributes are read by."""

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
