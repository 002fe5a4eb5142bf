//! Edits of the request's body, and what they make necessary: its length, its answer, what is told of them.
//!
//! Which edits are wanted comes from the configuration and from [`super::output_cap`]; how they are made is the provider
//! layer's. Invariants: a body that its sender vouches for byte by byte is never edited; the length that goes upstream
//! is that of the body that goes upstream, or none.

use super::admission::Admission;
use super::effects::{Effects, HeaderEdit};
use super::names;
use super::request::Call;
use crate::config::Config;
use crate::headers::Headers;
use crate::provider::RequestEdits;
use crate::semconv::attribute;
use crate::telemetry::Value;
use crate::upstream::IncludeUsage;

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

/// What was forwarded instead of the client's request.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    /// Usage was asked for that the client will not expect.
    pub(super) hides_usage: bool,
    /// What the answer's headers say of it.
    pub(super) headers: Vec<(&'static str, String)>,
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

/// Whether usage is to be asked for in the client's stead.
fn wants_usage(admission: &Admission<'_>) -> bool {
    let Admission { call, facts, .. } = admission;
    call.include_usage == IncludeUsage::Inject && call.endpoint.can_ask_for_usage(facts)
}

/// Why an edit that the configuration wants is not made.
pub(super) fn kept(admission: &Admission<'_>) -> Option<&'static str> {
    let is_bound = admission.call.editable == Editable::Bound && wants_usage(admission);
    admission.cap.kept.or(is_bound.then_some(SIGNED_BODY))
}

/// Makes the edits that an admitted call is to be forwarded with.
pub(super) fn forward(admission: &Admission<'_>, effects: &mut Effects) -> Forwarded {
    match admission.call.editable {
        Editable::Free { states_length } => edit(admission, states_length, effects),
        Editable::Unasked | Editable::Bound => Forwarded::default(),
    }
}

#[inline(never)]
fn edit(admission: &Admission<'_>, states_length: bool, effects: &mut Effects) -> Forwarded {
    let Admission { call, facts, body, cap, .. } = admission;
    let edits = RequestEdits { include_usage: wants_usage(admission), output_cap: cap.forwarded() };
    let Some(edited) = call.endpoint.edit_request(body, facts, &edits) else { return Forwarded::default() };
    if states_length {
        effects.request_headers.push(HeaderEdit::Set("content-length", edited.body.len().to_string()));
    }
    effects.request_body = Some(edited.body);
    let capped = edits.output_cap.filter(|_| edited.caps_output);
    tell(admission, edited.asks_for_usage, capped, effects);
    Forwarded { hides_usage: edited.asks_for_usage, headers: headers(capped, facts.max_output_tokens) }
}

/// What the answer's headers say of a cap that the filter wrote.
fn headers(capped: Option<u64>, requested: Option<u64>) -> Vec<(&'static str, String)> {
    let Some(cap) = capped else { return Vec::new() };
    let requested = requested.map(|cap| (names::OUTPUT_CAP_REQUESTED, cap.to_string()));
    std::iter::once((names::OUTPUT_CAP, cap.to_string())).chain(requested).collect()
}

fn tell(admission: &Admission<'_>, asks_for_usage: bool, capped: Option<u64>, effects: &mut Effects) {
    if !admission.call.has_span {
        return;
    }
    let edits = match (asks_for_usage, capped) {
        (true, Some(_)) => "include_usage,output_cap",
        (true, None) => "include_usage",
        (false, _) => "output_cap",
    };
    effects.attribute(attribute::REQUEST_EDITS, edits);
    if let Some(cap) = capped {
        effects.attribute(attribute::OUTPUT_CAP_FORWARDED, Value::count(cap));
        if let Some(requested) = admission.facts.max_output_tokens {
            effects.attribute(attribute::OUTPUT_CAP_REQUESTED, Value::count(requested));
        }
    }
}

/// Tells of an edit that was not made.
pub(super) fn tell_kept(kept: Option<&'static str>, call: &Call, effects: &mut Effects) {
    if let Some(why) = kept.filter(|_| call.has_span) {
        effects.attribute(attribute::REQUEST_EDITS_KEPT, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vouched(headers: &[(&str, &str)]) -> bool {
        let pairs: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        is_vouched_for(Headers::new(&pairs))
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
