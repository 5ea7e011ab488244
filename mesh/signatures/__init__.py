"""What is signed, so that others can tell that it was us: keys from certificates, and anchors of the audit."""
