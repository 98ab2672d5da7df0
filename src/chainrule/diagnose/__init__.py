"""What goes well and what goes wrong: signs of a run, search in time, the doctor."""
