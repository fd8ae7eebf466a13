"""Run folders: what was asked, what came out, and everything needed to go on after an interruption."""
