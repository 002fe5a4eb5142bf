//! Whether a request's body may be edited, by what its headers say.
//!
//! Invariant: a body that its sender vouches for byte by byte is never edited.

use crate::config::Config;
use crate::headers::Headers;

/// Why an edit was left out: the request is signed, or carries a digest of its body.
pub(super) const SIGNED_BODY: &str = "signed_body";
/// Why an edit was left out: this API, or this request, has no place for an output cap.
pub(super) const NO_PLACE: &str = "no_place";

/// Whether a call's body may be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Editable {
    /// Nothing is ever edited, so nobody looked.
    Unasked,
    /// Its sender vouches for its bytes.
    Bound,
    /// It may.
    Free {
        /// Whether the headers state its length.
        states_length: bool,
    },
}

impl Editable {
    /// What the request's headers say.
    pub(super) fn of(config: &Config, headers: Headers<'_>) -> Self {
        if !config.edits_requests() {
            Self::Unasked
        } else if is_vouched_for(headers) {
            Self::Bound
        } else {
            Self::Free { states_length: headers.all("content-length").next().is_some() }
        }
    }
}

/// Headers that state what the body's bytes are, signed or not.
const DIGESTS: [&str; 7] = [
    "content-digest",
    "repr-digest",
    "digest",
    "content-md5",
    "x-amz-content-sha256",
    "x-content-sha256",
    "signature-input",
];

/// Schemes of `authorization` whose signature covers the body: AWS (SigV4 and 4A), Tencent, Volcengine, OCI.
const SIGNING_SCHEMES: [&[u8]; 4] = [b"aws4-", b"tc3-hmac-", b"hmac-", b"signature "];

/// Whether somebody has written down what the body's bytes are. An AWS signature covers them unless it says that the
/// payload is unsigned; even then it may cover the length.
fn is_vouched_for(headers: Headers<'_>) -> bool {
    const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";
    let signs = |value: &[u8]| {
        let starts = |scheme: &&[u8]| {
            value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        SIGNING_SCHEMES.iter().any(starts)
    };
    let mut signatures = headers.all("authorization").filter(|value| signs(value)).peekable();
    let is_presigned =
        headers.all(":path").any(|path| memchr::memmem::find(path, b"X-Amz-Signature=").is_some());
    let says_unsigned = headers.all("x-amz-content-sha256").eq([UNSIGNED]);
    if says_unsigned && !is_presigned {
        return signatures.any(|value| memchr::memmem::find(value, b"content-length").is_some());
    }
    is_presigned
        || signatures.peek().is_some()
        || DIGESTS.iter().any(|name| headers.all(name).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::HeaderPairs;

    fn vouched(headers: &[(&str, &str)]) -> bool {
        let pairs: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        is_vouched_for(Headers::of(&HeaderPairs::new(&pairs)))
    }

    #[test]
    fn a_body_that_its_sender_signed_or_digested_is_vouched_for() {
        let aws = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=k/20260221/us-east-1/bedrock/aws4_request, \
            SignedHeaders=host;x-amz-date, Signature=00",
        );
        let with_length =
            ("authorization", "AWS4-HMAC-SHA256 SignedHeaders=content-length;host, Signature=00");
        let unsigned = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        let free: [&[(&str, &str)]; 4] = [
            &[("authorization", "Bearer sk-1"), (":path", "/model/m/converse")],
            &[("x-api-key", "HMAC-like"), ("content-length", "5")],
            &[aws, unsigned],
            &[],
        ];
        for headers in free {
            assert!(!vouched(headers), "{headers:?}");
        }
        let bound: [&[(&str, &str)]; 10] = [
            &[aws],
            &[("authorization", "aws4-ecdsa-p256-sha256 Credential=k")],
            &[aws, ("x-amz-content-sha256", "e3b0c442")],
            &[aws, unsigned, ("x-amz-content-sha256", "e3b0c442")],
            &[with_length, unsigned],
            &[(":path", "/model/m/invoke?X-Amz-Algorithm=AWS4&X-Amz-Signature=00"), unsigned],
            &[("authorization", "Signature version=\"1\",headers=\"x-content-sha256\"")],
            &[("content-md5", "Q2hlY2sgSW50ZWdyaXR5IQ==")],
            &[("content-digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")],
            &[("signature-input", "sig1=(\"content-digest\")")],
        ];
        for headers in bound {
            assert!(vouched(headers), "{headers:?}");
        }
    }
}
