"""What a laptop has in place of a cluster; nothing in here runs on one."""
