//! Who wrote an answer, which says whether anything was consumed: by what Envoy tells of the stream.

use crate::ports::Ports;

/// Whether an answer of this status can be the work that was asked for. A redirect is none: its target is asked anew.
pub(super) fn is_success(status: u16) -> bool {
    (100..300).contains(&status)
}

/// Who wrote an answer, which says whether anything was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The provider.
    Provider,
    /// Envoy or a later filter, and the request never left.
    NeverSent,
    /// Envoy, after the request had left: a timeout or a reset.
    Unknown,
}

impl Origin {
    /// Asked of the host for what is no success alone: a success states its usage, or is asked about when it has ended.
    pub(super) fn of(status: u16, ports: &dyn Ports) -> Self {
        if is_success(status) { Self::Provider } else { Self::stated(ports) }
    }

    /// What the host says.
    pub(super) fn stated(ports: &dyn Ports) -> Self {
        let details = ports.property(&["response", "code_details"]).unwrap_or_default();
        let details = String::from_utf8_lossy(&details);
        if details == "via_upstream" {
            return Self::Provider;
        }
        let first_attempt = attempts(ports) <= 1;
        let unconnected = ["connection_failure", "connection_timeout", "overflow"]
            .iter()
            .any(|word| details.contains(word));
        if never_sent(ports) || (unconnected && first_attempt) {
            return Self::NeverSent;
        }
        Self::Unknown
    }
}

fn attempts(ports: &dyn Ports) -> u64 {
    let bytes = ports.property(&["upstream", "request_attempt_count"]).unwrap_or_default();
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// Whether nothing was ever sent. The upstream's address says nothing of that: it is there once a host is chosen, while
/// the request still waits for a connection. Our own end's address comes with the connection; of an earlier attempt
/// nobody knows.
pub(super) fn never_sent(ports: &dyn Ports) -> bool {
    let connection = ports.property(&["upstream", "local_address"]).filter(|address| !address.is_empty());
    connection.is_none() && attempts(ports) <= 1
}
