"""One file per schema, numbered upwards."""
