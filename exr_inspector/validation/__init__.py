"""Validation: rules that check an inspection or a sequence, and policies that select rules and set their severities."""

from __future__ import annotations

from exr_inspector.validation.engine import validate_file, validate_sequence
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.from_problems import rule_of
from exr_inspector.validation.policies.file import PROFILES
from exr_inspector.validation.policies.policy import Policy, ResolvedPolicy, builtin_policy, load_policy
from exr_inspector.validation.registry import RULES

__all__ = [
    "PROFILES",
    "RULES",
    "FrameSummary",
    "Policy",
    "ResolvedPolicy",
    "builtin_policy",
    "load_policy",
    "rule_of",
    "validate_file",
    "validate_sequence",
]
