"""Does a run again, and says whether every answer is the same."""
