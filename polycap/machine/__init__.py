"""The computer that runs polycap: its processor, its backend, the processes that polycap starts."""
