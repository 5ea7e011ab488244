"""What happens outside of requests: timers, webhooks and later outcomes."""
