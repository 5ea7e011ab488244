"""Dashboards for Grafana, as code: written into `deploy/observability/dashboards/` by `make gen`."""
