//! What attribution reads of a configuration: plain data, nothing left to check.

use std::cell::OnceCell;

use crate::awu::{Attribute, Attribution};

/// How every attribute is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributing {
    /// In the order of [`Attribute::ALL`]; attributes that nothing can give are left out.
    pub rules: Vec<AttributeRule>,
    /// The host's properties that sources read, each once; [`Place::Property`] names one by its position.
    pub properties: Vec<HostProperty>,
    /// What the holder of each known key is.
    pub api_keys: Vec<ApiKey>,
}

/// Where one attribute comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRule {
    /// Which attribute.
    pub attribute: Attribute,
    /// Where to look: trusted sources first, each group in the order of the configuration.
    pub sources: Vec<Source>,
    /// What to do when no source has a meaningful value.
    pub on_missing: OnMissing,
    /// What to do when an untrusted source contradicts a trusted one.
    pub on_conflict: OnConflict,
    /// Whether an untrusted source could do that.
    pub contradictable: bool,
}

impl AttributeRule {
    /// A rule over `sources` as configured.
    pub fn new(attribute: Attribute, mut sources: Vec<Source>, on_missing: OnMissing) -> Self {
        sources.sort_by_key(|source| !source.trusted);
        let contradictable =
            sources.first().is_some_and(|source| source.trusted) && sources.iter().any(Source::is_claim);
        Self { attribute, sources, on_missing, on_conflict: OnConflict::default(), contradictable }
    }
}

/// One source of an attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the value stands.
    pub place: Place,
    /// Whether it is believed against untrusted ones.
    pub trusted: bool,
}

impl Source {
    /// A request header, untrusted; `name` in lower case.
    pub fn header(name: &str) -> Self {
        Self { place: Place::Header(name.to_owned()), trusted: false }
    }

    /// Whether it is an untrusted statement of somebody about this call; a constant is none.
    pub fn is_claim(&self) -> bool {
        !self.trusted && !matches!(self.place, Place::Constant(_))
    }
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A request header, by its lower-case name.
    Header(String),
    /// A member of the W3C `baggage` header.
    Baggage(String),
    /// A property of the host.
    Property {
        /// Which of [`Attributing::properties`].
        position: usize,
        /// Which part of it.
        part: Part,
        /// For people: `JWT claim team`.
        described: String,
    },
    /// What [`Attributing::api_keys`] says of the holder of the caller's key.
    ApiKey(Attribute),
    /// This value.
    Constant(String),
}

/// Which part of a property is the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A string, or a whole number as JSON writes it.
    Scalar,
    /// The trust domain of a SPIFFE id.
    SpiffeTrustDomain,
    /// The namespace in a SPIFFE id as Istio makes it.
    SpiffeNamespace,
    /// The service account in a SPIFFE id as Istio makes it.
    SpiffeServiceAccount,
    /// An attribute of a distinguished name, by its type (`CN`, `OU`, `O`).
    Subject(&'static str),
}

/// A property of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostProperty {
    /// Its path, segments separated by NUL.
    pub path: String,
    /// What it was when it was first there, for one that never changes while a configuration lives.
    pub kept: Option<OnceCell<Vec<u8>>>,
}

/// What the holder of a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
    /// What it says.
    pub attributes: Attribution,
}

/// What happens when an attribute has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// The call is refused with `x_attribution_missing`.
    Refuse,
    /// This value is used.
    Constant(String),
    /// The attribute stays absent (optional attributes only).
    Omit,
}

/// What happens when an untrusted source contradicts a trusted one, whose value counts in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The contradiction is counted.
    #[default]
    Ignore,
    /// The call proceeds with a warning, `x_attribution_conflict`.
    Warn,
    /// The call is refused with `x_attribution_conflict`.
    Refuse,
}
