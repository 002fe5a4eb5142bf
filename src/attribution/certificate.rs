//! What a client certificate says of its holder: SPIFFE ids and distinguished names.
//!
//! Whether the certificate is genuine is for Envoy's `validation_context`; here it is only taken apart.

/// The trust domain of `spiffe://<trust domain>/<path>`.
pub(super) fn trust_domain(uri: &str) -> Option<&str> {
    Some(spiffe(uri)?.0)
}

/// Namespace and service account of `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
pub(super) fn istio_names(uri: &str) -> Option<(&str, &str)> {
    let mut segments = spiffe(uri)?.1.split('/');
    let names = match (segments.next()?, segments.next()?, segments.next()?, segments.next()?) {
        ("ns", namespace, "sa", account) => (namespace, account),
        _ => return None,
    };
    segments.next().is_none().then_some(names)
}

/// Trust domain and path.
fn spiffe(uri: &str) -> Option<(&str, &str)> {
    let (domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    (!domain.is_empty() && !path.is_empty()).then_some((domain, path))
}

/// The value of the only attribute of type `kind` in a distinguished name as RFC 2253 writes it (`CN=search,OU=AI`).
pub(super) fn subject(name: &str, kind: &str) -> Option<String> {
    let mut found = None;
    for attribute in unescaped_split(name) {
        let Some(value) = attribute.trim_start().strip_prefix(kind).and_then(|rest| rest.strip_prefix('='))
        else {
            continue;
        };
        if found.is_some() {
            return None;
        }
        found = Some(value);
    }
    unescaped(found?)
}

/// The parts between separators (`,` and `+`) that no backslash takes the meaning from.
fn unescaped_split(name: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    name.split(move |letter| {
        let separates = !escaped && matches!(letter, ',' | '+');
        escaped = !escaped && letter == '\\';
        separates
    })
}

/// A backslash stands before a letter that would mean something else, or before the two digits of a byte.
fn unescaped(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let first = rest.next()?;
        match char::from(first).to_digit(16) {
            None => bytes.push(first),
            Some(high) => {
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high << 4 | low).ok()?);
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spiffe_id_has_a_trust_domain_and_istios_two_names() {
        let id = "spiffe://cluster.local/ns/shop/sa/checkout";
        assert_eq!(trust_domain(id), Some("cluster.local"));
        assert_eq!(istio_names(id), Some(("shop", "checkout")));
        assert_eq!(trust_domain("spiffe://acme/anything"), Some("acme"));
        for no in [
            "https://cluster.local/ns/shop/sa/checkout",
            "spiffe://cluster.local/ns/shop",
            "spiffe://cluster.local/ns/shop/sa/checkout/more",
            "spiffe://cluster.local/x/ns/shop/sa/checkout",
            "spiffe://cluster.local/sa/checkout/ns/shop",
            "spiffe:///ns/shop/sa/checkout",
            "SPIFFE://cluster.local/ns/shop/sa/checkout",
            "",
        ] {
            assert_eq!(istio_names(no), None, "{no}");
        }
        assert_eq!(trust_domain("spiffe://acme"), None);
    }

    #[test]
    fn a_subject_is_taken_apart_as_rfc_2253_puts_it_together() {
        let cn = |name| subject(name, "CN");
        assert_eq!(cn("CN=search,OU=AI,O=Acme").as_deref(), Some("search"));
        assert_eq!(subject("CN=search,OU=AI,O=Acme", "OU").as_deref(), Some("AI"));
        assert_eq!(cn("OU=AI+CN=search").as_deref(), Some("search"));
        assert_eq!(cn(r"CN=a\,OU\=b,O=Acme").as_deref(), Some("a,OU=b"));
        assert_eq!(subject(r"CN=a\,OU=b", "OU"), None, "what is escaped is no attribute");
        assert_eq!(cn(r"CN=Z\C3\BCrich").as_deref(), Some("Zürich"));
        assert_eq!(cn(r"CN=a\\,OU=b").as_deref(), Some(r"a\"));
        for no in ["", "O=Acme", "CN=a,CN=b", r"CN=a\", r"CN=\C", r"CN=\FF", "XCN=a", "CNX=a"] {
            assert_eq!(cn(no), None, "{no}");
        }
    }
}
