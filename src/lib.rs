//! genops-envoy: governs the AI traffic that passes an Envoy proxy.
