"""Every SQL statement of the notification service."""
