"""Workers: run experts and long jobs. They have no database."""
