"""The one version of the gateway and of this package; CHANGELOG.md says what is in it."""

VERSION = "0.4.0"
