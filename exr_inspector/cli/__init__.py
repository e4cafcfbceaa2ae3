"""The command line: one module a command, each thin. `./run COMMAND` starts it; nothing here does the work itself."""
