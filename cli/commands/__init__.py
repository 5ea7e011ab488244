"""The subcommands of `fusionxpay`, a file each."""
