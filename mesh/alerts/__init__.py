"""What is wrong now, by the conditions of the alert rules."""
