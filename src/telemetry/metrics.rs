//! Metrics (Prometheus).
