"""The order lifecycle; owns the database `orders`."""
