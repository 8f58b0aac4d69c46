"""``dryad doctor``: everything a board needs, checked, with the way to mend what is wrong."""
