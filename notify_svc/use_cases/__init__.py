"""What the notification service does, apart from how it is asked and how an attempt is made."""
