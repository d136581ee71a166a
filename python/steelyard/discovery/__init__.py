"""Names to addresses: the hosts file and DNS, resolved again as answers expire."""
