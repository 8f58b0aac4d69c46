"""The farm's memory: records and journal, written in one transaction by one writer."""
