"""The engine's part of steps that combine messages: groups, their timers, and what they release."""
