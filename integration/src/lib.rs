//! Starts real Envoy and drives it.
