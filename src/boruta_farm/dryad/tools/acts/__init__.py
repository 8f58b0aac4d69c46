"""What is done with each kind of tools: its acts, how it is shown, how it is left between jobs."""
