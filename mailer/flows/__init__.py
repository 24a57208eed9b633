"""What the program does, one file a journey; journeys do not call each other."""
