"""Who comes first and who may hold how much: rules that matching asks, each by itself."""
