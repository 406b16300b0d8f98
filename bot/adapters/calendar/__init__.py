"""Calendars of planned work: iCalendar and YAML."""
