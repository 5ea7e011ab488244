"""The `fusionxpay` command, and the embedded stack that it shares with the bench and the tests."""
