"""Everything that touches the vastdb SDK: sessions, timeouts, errors."""
