"""Know the named builders and choose the current one."""
