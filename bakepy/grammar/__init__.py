"""Turn source text into a syntax tree with spans; nothing here evaluates."""
