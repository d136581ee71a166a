"""What must survive: the real command as a process, real servers that really die, and clients that mean harm."""
