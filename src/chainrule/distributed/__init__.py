"""One training by several processes: its leaves are shared, its bits are those of one process."""
