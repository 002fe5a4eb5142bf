//! The AI Workload Unit (§2): the atomic unit of governed work, here one governed HTTP exchange.
//!
//! Immutable once made (§2.3): no field can be written from outside and nothing here writes one.

use crate::call::Operation;
use crate::semconv::attribute;

/// An attribute that says whose work an AWU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribute {
    /// `genops.team`, required.
    Team,
    /// `genops.project`, required.
    Project,
    /// `genops.environment`, required.
    Environment,
    /// `genops.customer_id`.
    CustomerId,
    /// `genops.feature`.
    Feature,
    /// `genops.session_id`.
    SessionId,
    /// `genops.cost_center`.
    CostCenter,
    /// `genops.operation.name`, required; what the call does unless a source names it.
    OperationName,
}

impl Attribute {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// Every attribute, in the order of [`Attribute::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Team,
        Self::Project,
        Self::Environment,
        Self::CustomerId,
        Self::Feature,
        Self::SessionId,
        Self::CostCenter,
        Self::OperationName,
    ];

    /// The key used in configuration: `team`, `customer_id` …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Project => "project",
            Self::Environment => "environment",
            Self::CustomerId => "customer_id",
            Self::Feature => "feature",
            Self::SessionId => "session_id",
            Self::CostCenter => "cost_center",
            Self::OperationName => "operation_name",
        }
    }

    /// The attribute's name on spans and events.
    pub const fn semconv(self) -> &'static str {
        match self {
            Self::Team => attribute::TEAM,
            Self::Project => attribute::PROJECT,
            Self::Environment => attribute::ENVIRONMENT,
            Self::CustomerId => attribute::CUSTOMER_ID,
            Self::Feature => attribute::FEATURE,
            Self::SessionId => attribute::SESSION_ID,
            Self::CostCenter => attribute::COST_CENTER,
            Self::OperationName => attribute::OPERATION_NAME,
        }
    }

    /// The request header of this name, as the GenOps SDKs send it and as the provider gets it where it is forwarded.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Team => "x-genops-team",
            Self::Project => "x-genops-project",
            Self::Environment => "x-genops-environment",
            Self::CustomerId => "x-genops-customer-id",
            Self::Feature => "x-genops-feature",
            Self::SessionId => "x-genops-session-id",
            Self::CostCenter => "x-genops-cost-center",
            Self::OperationName => "x-genops-operation-name",
        }
    }

    /// Whether §2.3 requires it on every AWU, so that it has to be resolved.
    pub const fn required(self) -> bool {
        matches!(self, Self::Team | Self::Project | Self::Environment)
    }

    /// The attribute that a configuration key names.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| attribute.as_str() == key)
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// The resolved attribution of one AWU. Immutable; values are meaningful or absent (§9.1(8)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    values: [Option<Box<str>>; Attribute::COUNT],
}

impl Attribution {
    /// Collects resolved values; a later value for the same attribute is ignored.
    pub fn new(resolved: impl IntoIterator<Item = (Attribute, Box<str>)>) -> Self {
        let mut values: [Option<Box<str>>; Attribute::COUNT] = Default::default();
        for (attribute, value) in resolved {
            if let Some(slot) = values.get_mut(attribute.index()) {
                slot.get_or_insert(value);
            }
        }
        Self { values }
    }

    /// The value of `attribute`, if it was resolved.
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        self.values.get(attribute.index())?.as_deref()
    }

    /// The value of `attribute` for a call of `operation`, which is its name where attribution gives none.
    pub fn value<'a>(&'a self, attribute: Attribute, operation: &'a str) -> Option<&'a str> {
        self.get(attribute).or_else(|| (attribute == Attribute::OperationName).then_some(operation))
    }

    /// Every resolved attribute with its value, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &str)> {
        Attribute::ALL.into_iter().filter_map(|attribute| Some((attribute, self.get(attribute)?)))
    }
}

/// The trace context of the span that represents an AWU, as Envoy gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// 16 bytes, not all zero.
    pub trace_id: u128,
    /// 8 bytes, not all zero.
    pub span_id: u64,
}

impl SpanContext {
    /// Reads `<32 hex digits>-<16 hex digits>`; `None` for anything else (Envoy writes `-` when nothing is traced).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (trace, rest) = text.split_first_chunk::<32>()?;
        let span: &[u8; 16] = rest.strip_prefix(b"-")?.try_into().ok()?;
        let trace_id = number(trace)?;
        let span_id = u64::try_from(number(span)?).ok()?;
        Some(Self { trace_id, span_id })
    }
}

/// The number that hexadecimal digits stand for, unless it is zero.
fn number(digits: &[u8]) -> Option<u128> {
    // A sign would be read too.
    let digits = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
    u128::from_str_radix(digits, 16).ok().filter(|number| *number != 0)
}

/// A unique, opaque AWU id (§2.2), stable for life and never reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwuId(Box<str>);

impl AwuId {
    /// As a span an AWU's identity is (trace id, span id).
    pub fn from_span(span: SpanContext) -> Self {
        let mut id = hex(&span.trace_id.to_be_bytes());
        id.push('-');
        id.push_str(&hex(&span.span_id.to_be_bytes()));
        Self(id.into())
    }

    /// Where nothing is traced: 128 random bits.
    pub fn from_random(bits: u128) -> Self {
        Self(hex(&bits.to_be_bytes()).into())
    }

    /// The id as headers and telemetry show it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lower-case hexadecimal of whole groups of four bytes, a group at a time; formatting a 128-bit number costs a call's
/// worth of divisions.
fn hex(bytes: &[u8]) -> String {
    let mut digits = Vec::with_capacity(bytes.len().saturating_mul(2));
    for four in bytes.as_chunks().0 {
        digits.extend_from_slice(&eight_digits(u32::from_be_bytes(*four)));
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// The digits of a number, each made in a byte of its own.
const fn eight_digits(number: u32) -> [u8; 8] {
    const ONES: u64 = u64::from_be_bytes([1; 8]);
    const ZEROES: u64 = u64::from_be_bytes([b'0'; 8]);
    let halves = (number as u64 | (number as u64) << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes | bytes << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Of a nibble and 6 the fifth bit says that it is a letter, and letters begin further on than digits end.
    let letters = (nibbles.wrapping_add(6 * ONES) >> 4) & ONES;
    nibbles.wrapping_add(ZEROES).wrapping_add(letters.wrapping_mul((b'a' - b'9' - 1) as u64)).to_be_bytes()
}

/// One AI Workload Unit: identity, attribution and operation, fixed from the moment it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awu {
    id: AwuId,
    span: Option<SpanContext>,
    attribution: Attribution,
    operation: Operation,
}

impl Awu {
    /// The AWU with this identity; its id is the span's where there is one, else `fallback_id`.
    pub fn new(
        span: Option<SpanContext>,
        fallback_id: impl FnOnce() -> AwuId,
        attribution: Attribution,
        operation: Operation,
    ) -> Self {
        let id = span.map_or_else(fallback_id, AwuId::from_span);
        Self { id, span, attribution, operation }
    }

    /// The unique id.
    pub fn id(&self) -> &AwuId {
        &self.id
    }

    /// The span that represents this AWU, when Envoy traces.
    pub fn span(&self) -> Option<SpanContext> {
        self.span
    }

    /// Whose work this is.
    pub fn attribution(&self) -> &Attribution {
        &self.attribution
    }

    /// The value of `attribute`. The operation always has a name: where attribution gives none, what the call does.
    pub fn value(&self, attribute: Attribute) -> Option<&str> {
        self.attribution.value(attribute, self.operation.as_str())
    }

    /// What kind of work this is.
    pub fn operation(&self) -> Operation {
        self.operation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_context_is_read_only_from_the_exact_form() {
        let good = b"6d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c0";
        let span = SpanContext::parse(good).unwrap();
        assert_eq!(AwuId::from_span(span).as_str().as_bytes(), good);
        let bad: [&[u8]; 6] = [
            b"-",
            b"",
            b"6d8b83eb3f8d3c0d8628f078df7ab76f",
            b"00000000000000000000000000000000-94abd4f4766ca0c0",
            b"+d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c0",
            b"6d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c\xff",
        ];
        for text in bad {
            assert_eq!(SpanContext::parse(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn an_operation_that_nobody_named_has_the_name_of_what_it_does() {
        let awu = |attribution| Awu::new(None, || AwuId::from_random(1), attribution, Operation::Chat);
        let named = Attribution::new([(Attribute::OperationName, "summarise".into())]);
        assert_eq!(awu(named).value(Attribute::OperationName), Some("summarise"));
        assert_eq!(awu(Attribution::default()).value(Attribute::OperationName), Some("chat"));
        assert_eq!(awu(Attribution::default()).value(Attribute::Team), None);
    }

    #[test]
    fn s2_3_the_first_value_of_an_attribute_stays() {
        let values = [(Attribute::Team, "first".into()), (Attribute::Team, "second".into())];
        assert_eq!(Attribution::new(values).get(Attribute::Team), Some("first"));
    }
}
