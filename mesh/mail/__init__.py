"""Mail by SMTP: addresses, the settings of the operator's server, and how a mail is handed over."""
