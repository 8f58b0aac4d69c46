"""The contracts in process: commands go to the writer, followers keep up with the feed."""
