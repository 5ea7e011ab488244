"""What is missing before real money is taken: of the gateway's settings, and of a merchant's account."""
