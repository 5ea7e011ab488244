"""The gateway's API as tools for assistants, by the Model Context Protocol: `fusionxpay mcp`."""
