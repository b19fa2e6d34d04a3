"""The clock: schedules become runs, and runs are carried out, each in a process of its own."""
