def explain(start, source):
    return []
