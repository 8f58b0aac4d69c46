"""The matching index: who fits whom, who comes first, why one waits and when it may start."""
