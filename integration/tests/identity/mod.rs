//! Identities that Envoy verifies: signed tokens, and client certificates.

pub(crate) mod jwt;
pub(crate) mod tls;
