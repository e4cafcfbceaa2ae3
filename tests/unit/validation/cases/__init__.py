"""Failing and passing files of each rule, in a file called like the module of the rule."""
